// What is known against the dependencies: `pnpm audit:dependencies`, and a part of `npm test`. The lock file is checked here:
// everything from the registry, with its hash. The registry's advisories are asked for, and serious ones against what runs
// fail; where the registry does not answer, that is said, and is no failure: a build must not hang on somebody else's service.
//
// The registry is asked itself, at the endpoint that `npm audit` uses. `pnpm audit` asks at two that npm has retired.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const ROOT = new URL('../..', import.meta.url).pathname;
const ENDPOINT = '-/npm/v1/security/advisories/bulk';
const ASK_MS = 45_000;
const SEVERITIES = ['info', 'low', 'moderate', 'high', 'critical'];
const SERIOUS = ['high', 'critical'];

/** The text of a section of the lock file, and its entries with their keys. */
function entriesOf(lock, section) {
  const text = new RegExp(`\\n${section}:\\n([\\s\\S]*?)(?=\\n\\S|$)`).exec(lock)?.[1] ?? '';
  return text
    .split(/\n(?= {2}\S)/)
    .filter((entry) => /^\s*\S/.test(entry))
    .map((entry) => {
      const [, key] = /^\s*('[^']+'|\S+?):(?=\s|$)/.exec(entry) ?? [];
      return { key: key?.replace(/^'|'$/g, '') ?? '', entry };
    });
}

/**
 * @param {string} lock the text of pnpm-lock.yaml
 * @returns {{ packages: number, problems: string[] }} sentences about packages that are not fixed by a hash
 */
export function checkLock(lock) {
  const entries = entriesOf(lock, 'packages');
  const problems = entries.flatMap(({ key, entry }) => {
    const resolution = /\n\s+resolution: \{(.*)\}/.exec(entry)?.[1] ?? '';
    if (/tarball|repo:|directory:/.test(resolution)) return [`${key} does not come from the registry.`];
    return /^integrity: sha512-[A-Za-z0-9+/=]{88}$/.test(resolution) ? [] : [`${key} has no SHA-512 hash.`];
  });
  if (entries.length === 0) problems.push('The lock file lists no packages.');
  return { packages: entries.length, problems };
}

/** The dependencies that an entry names in some of its sections, as keys of snapshots. */
function dependenciesOf(entry, sections) {
  const keys = [];
  for (const section of sections) {
    const text = new RegExp(`\\n {4}${section}:((?:\\n {6,}\\S.*)*)`).exec(entry)?.[1] ?? '';
    // In an importer the version has a line of its own.
    const flat = text.replace(/:\n {8}specifier: .*\n {8}version: /g, ': ');
    for (const [, name, version] of flat.matchAll(/\n {6}('[^']+'|[^\s:]+): (\S+)/g)) {
      // A dependency under another name says whose it is.
      const isKey = /^'?@?[^@(]+@\d/.test(version);
      keys.push(isKey ? version.replace(/^'|'$/g, '') : `${name.replace(/^'|'$/g, '')}@${version}`);
    }
  }
  return keys;
}

/**
 * @param {string} lock the text of pnpm-lock.yaml
 * @returns {Map<string, Map<string, boolean>>} by name, the locked versions, and of each whether it runs: it is not only a tool
 */
export function lockedVersions(lock) {
  const snapshots = new Map(entriesOf(lock, 'snapshots').map(({ key, entry }) => [key, entry]));
  const runs = new Set();
  const found = entriesOf(lock, 'importers').flatMap(({ entry }) =>
    dependenciesOf(entry, ['dependencies', 'optionalDependencies']),
  );
  while (found.length > 0) {
    const key = found.pop();
    if (runs.has(key) || !snapshots.has(key)) continue;
    runs.add(key);
    found.push(...dependenciesOf(snapshots.get(key), ['dependencies', 'optionalDependencies']));
  }
  const versions = new Map();
  for (const key of snapshots.keys()) {
    const [, name, version] = /^(@?[^@]+)@([^(]+)/.exec(key);
    const known = versions.get(name) ?? versions.set(name, new Map()).get(name);
    known.set(version, runs.has(key) || known.get(version) === true);
  }
  return versions;
}

/**
 * Asks for the advisories against all locked versions.
 *
 * @param {string} registry its address
 * @param {ReturnType<typeof lockedVersions>} locked
 * @returns {Promise<{ answer: unknown, why: string }>} the answer, or null and why there is none
 */
export async function ask(registry, locked, timeoutMs = ASK_MS) {
  const question = Object.fromEntries([...locked].map(([name, versions]) => [name, [...versions.keys()]]));
  try {
    const response = await fetch(new URL(ENDPOINT, registry.endsWith('/') ? registry : `${registry}/`), {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(question),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    if (!response.ok)
      return { answer: null, why: `it answered ${response.status} ${response.statusText}`.trim() };
    try {
      return { answer: JSON.parse(text), why: '' };
    } catch {
      return { answer: null, why: 'it answered nothing that can be read' };
    }
  } catch (error) {
    if (error.name === 'TimeoutError')
      return { answer: null, why: `it did not answer in ${timeoutMs / 1000} s` };
    return { answer: null, why: error.cause?.code ?? error.cause?.message ?? error.message };
  }
}

/**
 * @param {unknown} answer by name, advisories with severity, title, url and vulnerable_versions
 * @param {ReturnType<typeof lockedVersions>} locked
 * @param {(version: string, range: string) => boolean} satisfies
 * @returns {{ serious: string[], others: string[] } | null} a sentence for each advisory that meets a locked version; null
 *   when that is no answer
 */
export function readAnswer(answer, locked, satisfies) {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return null;
  const serious = [];
  const others = [];
  for (const [name, advisories] of Object.entries(answer)) {
    if (!Array.isArray(advisories)) return null;
    for (const advisory of advisories) {
      const { severity, title, url, vulnerable_versions: range } = advisory ?? {};
      if (typeof range !== 'string' || !SEVERITIES.includes(severity)) return null;
      const met = [...(locked.get(name) ?? [])].filter(([version]) => satisfies(version, range));
      if (met.length === 0) continue;
      const runs = met.some(([, isRun]) => isRun);
      const versions = met.map(([version]) => version).join(', ');
      const sentence = `${name} ${versions}${runs ? '' : ' (a tool)'}: ${severity}: ${title} (${range}) ${url}`;
      (runs && SERIOUS.includes(severity) ? serious : others).push(sentence);
    }
  }
  return { serious, others };
}

/** npm's own setting, which has a default: none is written down here. */
async function registryOf() {
  if (process.env.npm_config_registry) return process.env.npm_config_registry;
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const options = { cwd: ROOT, shell: process.platform === 'win32', timeout: ASK_MS };
  return (await promisify(execFile)(npm, ['config', 'get', 'registry'], options)).stdout.trim();
}

/**
 * @param {{ registry: string, lock: string, timeoutMs?: number, print: (line: string) => void }} options
 * @returns {Promise<number>} the exit code
 */
export async function audit({ registry, lock, timeoutMs, print }) {
  const { default: semver } = await import('semver');
  const { packages, problems } = checkLock(lock);
  for (const problem of problems) print(problem);
  print(
    `${packages} packages are locked${problems.length === 0 ? ', each from the registry and with its hash' : ''}.`,
  );
  const locked = lockedVersions(lock);
  const { answer, why } = await ask(registry, locked, timeoutMs);
  const read = answer === null ? null : readAnswer(answer, locked, semver.satisfies);
  if (read === null) {
    const reason = why || 'it answered nothing that can be read';
    print(`The registry's advisories could not be asked for: ${reason}. Nothing is known about weaknesses.`);
    return problems.length > 0 ? 1 : 0;
  }
  const { serious, others } = read;
  print(
    `The registry was asked about ${packages} packages. Serious weaknesses of what runs: ${serious.length}. Others: ${others.length}.`,
  );
  for (const one of [...serious, ...others]) print(one);
  return problems.length + serious.length > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await audit({
    registry: await registryOf(),
    lock: readFileSync(join(ROOT, 'pnpm-lock.yaml'), 'utf8'),
    print: (line) => process.stdout.write(`${line}\n`),
  });
}
