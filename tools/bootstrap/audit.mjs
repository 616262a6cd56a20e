// What is known against the dependencies: `pnpm audit:dependencies`, and a part of `npm test`. The lock file is checked here:
// everything from the registry, with its hash. The registry's advisories are asked for, and serious ones fail; where the
// registry does not answer, that is said, and is no failure: a build must not hang on somebody else's service.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = new URL('../..', import.meta.url).pathname;
const ASK_MS = 45_000;
const SERIOUS = ['high', 'critical'];

/**
 * @param {string} lock the text of pnpm-lock.yaml
 * @returns {{ packages: number, problems: string[] }} sentences about packages that are not fixed by a hash
 */
export function checkLock(lock) {
  const section = /\npackages:\n([\s\S]*?)(?=\n\S|$)/.exec(lock)?.[1] ?? '';
  const entries = section.split(/\n(?= {2}\S)/).filter((entry) => /^\s*\S/.test(entry));
  const problems = entries.flatMap((entry) => {
    const name = entry.trim().split(':\n', 1)[0];
    const resolution = /\n\s+resolution: \{(.*)\}/.exec(entry)?.[1] ?? '';
    if (/tarball|repo:|directory:/.test(resolution)) return [`${name} does not come from the registry.`];
    return /^integrity: sha512-[A-Za-z0-9+/=]{88}$/.test(resolution) ? [] : [`${name} has no SHA-512 hash.`];
  });
  if (entries.length === 0) problems.push('The lock file lists no packages.');
  return { packages: entries.length, problems };
}

/**
 * @param {string} output what `pnpm audit --json` printed
 * @returns {{ answered: boolean, serious: string[], others: number, why: string }}
 */
export function readReport(output) {
  let report;
  try {
    report = JSON.parse(output);
  } catch {
    return { answered: false, serious: [], others: 0, why: 'it answered nothing that can be read' };
  }
  if (report.advisories === undefined) {
    return { answered: false, serious: [], others: 0, why: report.error?.message ?? 'no reason was given' };
  }
  const advisories = Object.values(report.advisories);
  const serious = advisories.filter(({ severity }) => SERIOUS.includes(severity));
  return {
    answered: true,
    serious: serious.map(
      ({ module_name: name, severity, title, url }) => `${name}: ${severity}: ${title} ${url}`,
    ),
    others: advisories.length - serious.length,
    why: '',
  };
}

function ask() {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['exec', '--yes', `--package=${packageManager}`, '--', 'pnpm', 'audit', '--prod', '--json'];
  return new Promise((resolve) => {
    const child = spawn(npm, args, {
      cwd: ROOT,
      shell: process.platform === 'win32',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), ASK_MS);
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', () => undefined);
    child.once('close', () => {
      clearTimeout(timer);
      resolve(output);
    });
  });
}

async function main() {
  const { packages, problems } = checkLock(readFileSync(join(ROOT, 'pnpm-lock.yaml'), 'utf8'));
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(
    `${packages} packages are locked${problems.length === 0 ? ', each from the registry and with its hash' : ''}.\n`,
  );
  const { answered, serious, others, why } = readReport(await ask());
  if (!answered)
    process.stdout.write(
      `The registry's advisories could not be asked for: ${why}. Nothing is known about weaknesses.\n`,
    );
  else
    process.stdout.write(
      `The registry knows ${serious.length} serious and ${others} other weaknesses of what runs.\n`,
    );
  for (const one of serious) process.stdout.write(`${one}\n`);
  if (problems.length + serious.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
