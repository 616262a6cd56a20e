/** The commands of docs/from-tf-serving.md, as they stand, in a shell, before three real workers. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts, type LocalCluster, startLocalCluster } from '@trivet/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDirectory } from '../support.js';

const PAGE = fileURLToPath(new URL('../../../../docs/from-tf-serving.md', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../../../shared/models/half_plus_two', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** As much of curl as the page uses, for machines without it. */
const STAND_IN = fileURLToPath(new URL('../fixtures/curl.mjs', import.meta.url));
const hasCurl = () => spawnSync('curl', ['--version']).status === 0;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let cluster: LocalCluster;

beforeAll(async () => {
  await access(MODEL);
  directory = await temporaryDirectory();
  cluster = await startLocalCluster({ directory: join(directory.path, 'cluster') });
}, 60_000);

afterAll(async () => {
  await cluster?.stop();
  await directory?.remove();
});

interface Step {
  readonly command: string;
  readonly printed: string;
}

/** The commands of all `console` blocks, each with what the page says that it prints. */
function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```console\n(.*?)^```$/gms)].map((match) => match[1]!);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const end = text.indexOf('\n');
        return { command: text.slice(0, end), printed: text.slice(end + 1) };
      }),
  );
}

it('prints what the page says', async () => {
  const steps = stepsOf(await readFile(PAGE, 'utf8'));
  expect(steps.length).toBeGreaterThan(8);
  // The page has the usual port; here it may be in use.
  const [port] = await findFreePorts(1);
  const local = (text: string) => text.replaceAll('8501', String(port));
  const work = join(directory.path, 'work');
  const programs = join(directory.path, 'bin');
  await mkdir(work);
  await mkdir(programs);
  await cp(MODEL, join(work, 'half_plus_two'), { recursive: true });
  await writeFile(join(programs, 'trivet'), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
  await chmod(join(programs, 'trivet'), 0o755);
  if (!hasCurl()) await symlink(STAND_IN, join(programs, 'curl'));

  const shell = spawn('sh', [], {
    cwd: work,
    env: { ...process.env, PATH: `${programs}:${process.env.PATH}`, TRIVET_CLUSTER: cluster.directory },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  try {
    for (const { command, printed } of steps) {
      output = '';
      // A command in the background is done when it has printed its lines.
      const inBackground = command.endsWith('&');
      shell.stdin.write(`${local(command)}\n${inBackground ? '' : 'echo "<$?>"\n'}`);
      const expected = inBackground ? local(printed) : `${local(printed)}<0>\n`;
      await expect
        .poll(() => (/<\d+>\n$/.test(output) || inBackground ? output : ''), { timeout: 30_000 })
        .not.toBe('');
      expect(output, `${command}\n${errors}`).toBe(expected);
    }
  } finally {
    shell.stdin.end('kill $!\nwait\n');
    await once(shell, 'close');
  }
}, 120_000);
