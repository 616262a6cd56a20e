/** The commands of a page, run in a shell as they stand. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url));

export interface Step {
  readonly command: string;
  readonly printed: string;
}

/** The commands of all blocks that begin with this fence, each with what the page says that it prints. */
export function stepsOf(page: string, fence = '```'): Step[] {
  const blocks = [...page.matchAll(/^(```\w*)\n(.*?)^```$/gms)].filter((match) => match[1] === fence);
  return blocks.flatMap((match) =>
    match[2]!
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const end = text.indexOf('\n');
        return { command: text.slice(0, end), printed: text.slice(end + 1).trimEnd() };
      }),
  );
}

/** Makes a folder of programs, in which these scripts of the shell stand for `TRIVET "$@"`. */
export async function writePrograms(
  folder: string,
  scripts: Readonly<Record<string, (trivet: string) => string>>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    const file = join(folder, name);
    await writeFile(file, `#!/bin/sh\n${script(`exec "${process.execPath}" "${PROGRAM}"`)}\n`);
    await chmod(file, 0o755);
  }
}

export class Shell {
  readonly #process: ChildProcessWithoutNullStreams;
  #output = '';
  #errors = '';

  /** @param prefix what the shell's own command line begins with */
  constructor(cwd: string, env: NodeJS.ProcessEnv, prefix: readonly string[] = []) {
    const [program, ...args] = [...prefix, 'sh'] as [string, ...string[]];
    this.#process = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.#process.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
  }

  /** What was written to standard error up to now. */
  get errors(): string {
    return this.#errors;
  }

  /** Runs a command to its end. @returns what it has printed, and its exit code */
  async run(command: string): Promise<{ readonly printed: string; readonly code: number }> {
    this.#output = '';
    this.#process.stdin.write(`${command}\necho "<$?>"\n`);
    const end = /<(\d+)>\n$/;
    await expect.poll(() => end.test(this.#output), { timeout: 60_000, message: command }).toBe(true);
    return { printed: this.#output.replace(end, ''), code: Number(end.exec(this.#output)![1]) };
  }

  /** Starts a command that ends in "&". */
  start(command: string): void {
    this.#output = '';
    this.#process.stdin.write(`${command}\nstarted="$started $!"\n`);
  }

  /** The first output of what was started. */
  async firstOutput(): Promise<string> {
    await expect.poll(() => this.#output, { timeout: 60_000 }).not.toBe('');
    return this.#output;
  }

  /** Ends what was started, and the shell. */
  async close(): Promise<void> {
    this.#process.stdin.end('kill $started 2>/dev/null\nwait\n');
    await once(this.#process, 'close');
  }
}
