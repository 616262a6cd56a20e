/** The README's command lines as they stand, in a network of their own: they print what it says that they print. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnNetwork, ownNetwork } from '../../../packages/node/test/support/own-network.js';
import { Shell, stepsOf, writePrograms } from './page-shell.js';
import { temporaryDirectory } from './support.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const WORKER = /trivet worker .*\/(\w+)\.json$/;
const SERVE = /trivet serve mnist --num-requests 3$/;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let network: OwnNetwork | null;

beforeAll(async () => {
  directory = await temporaryDirectory();
  network = await ownNetwork([4000, 4001, 4002]);
});
afterAll(async () => {
  network?.close();
  await directory?.remove();
});

/** Without what is different each time: names made of chance, times, sizes, the width of columns. */
function comparable(text: string): string {
  return text
    .replaceAll(join(directory.path, 'home'), '/home/you')
    .replace(/\b[0-9a-f]{32}\b/g, 'CLUSTER')
    .replace(/\b[0-9a-f]{12}\b/g, 'DIGEST')
    .replace(/\b[\d.]+ (ms|s|B|kB|MB)\b/g, 'N $1')
    .replace(/ +/g, ' ')
    .trimEnd();
}

it('prints what the page says', async (context) => {
  if (network === null)
    context.skip('No network namespace, and somebody listens on port 4000, 4001 or 4002.');
  const page = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [start, end] = [page.indexOf('## From the command line'), page.indexOf('## From TypeScript')];
  const steps = stepsOf(page.slice(start, end));
  expect(steps.length).toBeGreaterThan(12);

  const home = join(directory.path, 'home');
  const programs = join(directory.path, 'bin');
  await mkdir(home);
  await writePrograms(programs, {
    pnpm: (trivet) => `[ "$1 $2" = "-s trivet" ] && shift 2 && ${trivet} "$@"`,
  });
  const env = { ...process.env, HOME: home, PATH: `${programs}:${process.env.PATH}` };
  const shell = new Shell(ROOT, env, network!.prefix);
  const log = (name: string) => join(directory.path, `${name}.log`);
  const sees = async (name: string, text: string) => {
    const read = () => readFile(log(name), 'utf8').catch(() => '');
    await expect.poll(read, { timeout: 60_000, message: name }).toContain(text);
    return read();
  };
  /** Runs in another terminal. */
  const beside = (command: string, name: string) => shell.start(`${command} > ${log(name)} 2>&1 &`);

  let serving: string | null = null;
  try {
    for (const { command, printed } of steps) {
      const worker = WORKER.exec(command)?.[1];
      if (worker !== undefined) {
        beside(command, worker);
        if (worker === 'carol')
          for (const name of ['alice', 'bob', 'carol']) await sees(name, '"msg":"ready"');
        continue;
      }
      if (SERVE.test(command)) {
        serving = printed;
        beside(command, 'serve');
        await sees('serve', 'answers');
        continue;
      }
      if (serving !== null && printed.startsWith('trivet: ')) {
        const text = await sees('serve', 'not served any more');
        expect.soft(comparable(text), 'serve').toBe(comparable(serving));
        serving = null;
      }
      const ran = await shell.run(`${command} 2>&1`);
      expect.soft(comparable(ran.printed), command).toBe(comparable(printed));
    }
  } finally {
    await shell.close();
  }
}, 300_000);
