// `npm test`: installs what is missing, then runs every check and every test, and ends with the true sums.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureChromium } from './chromium.mjs';
import { bin, build, execute, install, ROOT, requireNode, run } from './environment.mjs';

const RESULTS = join(ROOT, 'test-results');
/** Folders whose tests start no processes and wait for nobody. */
const COMPUTING = [
  'packages/mpc-core',
  'packages/model-import',
  'packages/shared-types',
  'packages/at-rest',
  'packages/mnist',
  'packages/seeded-random',
  'apps/web',
  'tools',
];
/** They run commands, mostly one after the other, and time nothing: about a core, as what computes. */
const COMMANDS = ['check', 'commands', 'encryption', 'reveal', 'store-keys', 'verify'].map(
  (name) => `apps/cli/test/${name}.test.ts`,
);
const totals = { passed: 0, failed: 0, skipped: 0 };

function add(passed, failed, skipped = 0) {
  totals.passed += passed;
  totals.failed += failed;
  totals.skipped += skipped;
}

/** A check without tests of its own counts as one. */
async function check(name, command, args) {
  process.stdout.write(`\n— ${name}\n`);
  add(...((await execute(command, args)) === 0 ? [1, 0] : [0, 1]));
}

/**
 * A long check that runs beside others and counts as one; what it says is kept, and shown when it is waited for.
 * @returns waits for its end
 */
function beside(name, command, args) {
  const log = join(RESULTS, `${name.toLowerCase().replaceAll(' ', '-')}.log`);
  const output = openSync(log, 'w');
  const ended = execute(command, args, { stdio: ['ignore', output, output] });
  ended.catch(() => undefined);
  return async () => {
    process.stdout.write(`\n— ${name}: waiting for its end (${log})\n`);
    const code = await ended.catch(() => 1);
    closeSync(output);
    process.stdout.write(readFileSync(log, 'utf8'));
    add(...(code === 0 ? [1, 0] : [0, 1]));
  };
}

/** A runner that writes a report; one that ends badly without a failed test in it counts as one failure. */
async function suite(name, command, args, reportFile, read, options = {}) {
  process.stdout.write(`\n— ${name}\n`);
  rmSync(reportFile, { force: true });
  const code = await execute(command, args, options);
  const [passed, failed, skipped] = existsSync(reportFile)
    ? read(JSON.parse(readFileSync(reportFile, 'utf8')))
    : [0, 0, 0];
  add(passed, code !== 0 && failed === 0 ? 1 : failed, skipped);
  if (passed + failed === 0) add(0, 1);
}

await run(async () => {
  requireNode();
  await install();
  try {
    await build();
    add(1, 0);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    add(0, 1);
  }
  mkdirSync(RESULTS, { recursive: true });
  const browser = join(RESULTS, 'playwright.json');
  const units = (name, args) => {
    const file = join(RESULTS, `vitest-${name.toLowerCase().replaceAll(' ', '-')}.json`);
    return suite(
      name,
      bin('vitest'),
      ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args],
      file,
      (report) => [
        report.numPassedTests,
        report.numFailedTests,
        report.numPendingTests + report.numTodoTests,
      ],
    );
  };

  // What only computes, and commands, take one core and do not mind company; the soak takes about the other.
  const soaked = beside('Soak', process.execPath, [
    'apps/cli/dist/soak/main.js',
    '--minutes',
    '5',
    '--seed',
    '1',
  ]);
  await check('Format and lint', bin('biome'), ['check', '.']);
  await check('Import rules', bin('depcruise'), ['--config', '.dependency-cruiser.cjs', 'packages', 'apps']);
  await check('Dependencies', process.execPath, ['tools/bootstrap/audit.mjs']);
  await units('Tests that compute', [...COMPUTING, '--maxWorkers=1']);
  await units('Tests of commands', [...COMMANDS, '--maxWorkers=1']);
  await soaked();
  // They wait more than they compute: two files at a time.
  await units('Tests of processes', [
    ...COMPUTING.map((folder) => `--exclude=${folder}/**`),
    ...COMMANDS.map((file) => `--exclude=${file}`),
    '--maxWorkers=2',
  ]);
  const chromium = await ensureChromium();
  await suite(
    'Browser tests',
    bin('playwright', 'e2e'),
    ['test', '--config', 'e2e/playwright.config.ts', '--reporter=list,json'],
    browser,
    ({ stats }) => [stats.expected + stats.flaky, stats.unexpected, stats.skipped],
    { env: { ...process.env, TRIVET_CHROMIUM: chromium, PLAYWRIGHT_JSON_OUTPUT_FILE: browser } },
  );

  if (totals.skipped > 0) process.stdout.write(`\n${totals.skipped} skipped; the lines above say why.\n`);
  process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`);
  if (totals.failed > 0) process.exitCode = 1;
});
