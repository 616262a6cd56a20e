/** The test's side of kill-points.mjs: sets where a process is to end, and tells which steps it took. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PRELOAD = fileURLToPath(new URL('./kill-points.mjs', import.meta.url));

export class KillPoints {
  /** For the process: `node ...execArgv program.js` with `env`. */
  readonly execArgv = ['--import', PRELOAD];
  readonly env: Record<string, string>;
  #times = 0;

  /** @param folder of this process alone; it is made when needed */
  constructor(private readonly folder: string) {
    this.env = { TRIVET_TEST_STEPS: folder };
  }

  /** The process ends at this step; null: at none. Counts, and the trace, begin anew. */
  async target(step: string | null): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await rm(join(this.folder, 'trace'), { force: true });
    this.#times += 1;
    await writeFile(join(this.folder, 'target'), step ?? `none, ${this.#times}`);
  }

  /** The steps that the process has taken; of one that was killed the last is where. */
  async steps(): Promise<string[]> {
    const text = await readFile(join(this.folder, 'trace'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }
}
