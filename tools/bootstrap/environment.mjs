// What `npm start` and `npm test` need before anything of the project can run: a Node that is new enough, the
// pinned pnpm, installed dependencies, a current build. Plain Node, no dependency: it runs on a bare machine.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const STAMPS = join(ROOT, 'node_modules/.trivet');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** A mistake of the environment, told in one sentence; no stack trace. */
export class Complaint extends Error {}

/** Runs `main`; a Complaint becomes one sentence and exit code 1. */
export async function run(main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`\n${error instanceof Complaint ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

export function requireNode() {
  const wanted = manifest.engines.node.replace('>=', '').split('.').map(Number);
  const found = process.versions.node.split('.').map(Number);
  const older = wanted.findIndex((part, i) => part !== found[i]);
  if (older !== -1 && found[older] < wanted[older]) {
    throw new Complaint(
      `Trivet needs Node.js ${wanted.join('.')} or newer and this is ${process.versions.node}: install a newer one from https://nodejs.org and run the command again.`,
    );
  }
}

/** Runs a command with its output shown; resolves with its exit code. */
export function execute(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: 'inherit',
      shell: process.platform === 'win32',
      ...options,
    });
    child.once('error', (error) => {
      reject(
        new Complaint(
          `"${command}" could not be started (${error.message}): is it installed and on the PATH?`,
        ),
      );
    });
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

/** Path of an executable of the dependencies of the root, or of another folder of the workspace. */
export function bin(name, folder = '.') {
  return join(ROOT, folder, 'node_modules/.bin', process.platform === 'win32' ? `${name}.cmd` : name);
}

function stampIs(name, value) {
  const file = join(STAMPS, name);
  return existsSync(file) && readFileSync(file, 'utf8') === value;
}

function writeStamp(name, value) {
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(join(STAMPS, name), value);
}

/** Installs the locked dependencies with the pinned pnpm, unless exactly these are installed already. */
export async function install() {
  const hash = createHash('sha256')
    .update(process.version)
    .update(readFileSync(join(ROOT, 'pnpm-lock.yaml')));
  for (const file of workspaceManifests()) hash.update(readFileSync(file));
  const stamp = hash.digest('hex');
  if (stampIs('installed', stamp)) return;
  process.stdout.write(`Installing dependencies with ${manifest.packageManager} …\n`);
  // npm fetches the pinned pnpm: a bare machine has npm, and perhaps no corepack.
  const args = [
    'exec',
    '--yes',
    `--package=${manifest.packageManager}`,
    '--',
    'pnpm',
    'install',
    '--frozen-lockfile',
    // Never ask before it replaces a node_modules of another pnpm: nobody may be there to answer.
    // Never ask before a node_modules of another pnpm is replaced: nobody may be there to answer.
    '--config.confirmModulesPurge=false',
  ];
  if ((await execute(npm, args)) !== 0) {
    throw new Complaint(
      'The dependencies could not be installed: is the npm registry reachable? The lines above say more.',
    );
  }
  writeStamp('installed', stamp);
}

function workspaceManifests() {
  const folders = ['apps', 'packages', 'tools'].flatMap((parent) =>
    readdirSync(join(ROOT, parent)).map((name) => join(ROOT, parent, name)),
  );
  return [ROOT, join(ROOT, 'e2e'), ...folders]
    .map((folder) => join(folder, 'package.json'))
    .filter(existsSync);
}

/** Hash of the names, sizes and times of everything that the build reads. */
function sourceState() {
  const hash = createHash('sha256');
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      if (['node_modules', 'dist', 'test-results', 'playwright-report'].includes(entry.name)) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (!entry.name.includes('.generated.') && !entry.name.endsWith('.tsbuildinfo')) {
        const { size, mtimeMs } = statSync(path);
        hash.update(`${path}\0${size}\0${mtimeMs}\n`);
      }
    }
  };
  for (const folder of ['apps', 'packages', 'tools', 'models']) {
    if (existsSync(join(ROOT, folder))) visit(join(ROOT, folder));
  }
  for (const file of ['package.json', 'pnpm-lock.yaml', 'tsconfig.json', 'tsconfig.base.json']) {
    hash.update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

/** Builds the kernels, the packages and the web app, unless nothing has changed since the last build. */
export async function build() {
  if (stampIs('built', sourceState())) return;
  process.stdout.write('Building …\n');
  const steps = [
    [process.execPath, ['packages/mpc-core/assembly/build.mjs'], {}],
    [bin('tsc'), ['-b'], {}],
    [npm, ['run', '--silent', 'build'], { cwd: join(ROOT, 'apps/web') }],
  ];
  for (const [command, args, options] of steps) {
    if ((await execute(command, args, options)) !== 0)
      throw new Complaint('The build failed; the lines above say why.');
  }
  writeStamp('built', sourceState());
}

export async function prepare() {
  requireNode();
  await install();
  await build();
}
