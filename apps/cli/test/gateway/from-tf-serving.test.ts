/** The commands of docs/from-tf-serving.md, as they stand, in a shell, before three real workers. */
import { spawnSync } from 'node:child_process';
import { access, cp, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts, type LocalCluster, startLocalCluster } from '@trivet/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Shell, stepsOf, writePrograms } from '../page-shell.js';
import { temporaryDirectory } from '../support.js';

const PAGE = fileURLToPath(new URL('../../../../docs/from-tf-serving.md', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../../../shared/models/half_plus_two', import.meta.url));

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

it('prints what the page says', async () => {
  const steps = stepsOf(await readFile(PAGE, 'utf8'), '```console');
  expect(steps.length).toBeGreaterThan(8);
  // The page has the usual port; here it may be in use.
  const [port] = await findFreePorts(1);
  const local = (text: string) => text.replaceAll('8501', String(port));
  const work = join(directory.path, 'work');
  const programs = join(directory.path, 'bin');
  await mkdir(work);
  await cp(MODEL, join(work, 'half_plus_two'), { recursive: true });
  await writePrograms(programs, { trivet: (trivet) => `${trivet} "$@"` });
  if (!hasCurl()) await symlink(STAND_IN, join(programs, 'curl'));

  const path = `${programs}:${process.env.PATH}`;
  const shell = new Shell(work, { ...process.env, PATH: path, TRIVET_CLUSTER: cluster.directory });
  try {
    for (const { command, printed } of steps) {
      const isBeside = command.endsWith('&');
      if (isBeside) shell.start(local(command));
      const ran = isBeside
        ? { printed: await shell.firstOutput(), code: 0 }
        : await shell.run(local(command));
      const expected = { printed: local(printed), code: 0 };
      expect({ ...ran, printed: ran.printed.trimEnd() }, `${command}\n${shell.errors}`).toEqual(expected);
    }
  } finally {
    await shell.close();
  }
}, 120_000);
