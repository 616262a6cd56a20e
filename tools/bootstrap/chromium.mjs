// Finds a Chromium for the browser tests, or installs one: Playwright's own where its download works, else the
// system's package where that is possible without asking.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { bin, Complaint, execute, ROOT } from './environment.mjs';

const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

function installed() {
  const named = process.env.TRIVET_CHROMIUM;
  if (named) {
    if (!existsSync(named)) throw new Complaint(`TRIVET_CHROMIUM names "${named}", which does not exist.`);
    return named;
  }
  return CANDIDATES.find((path) => existsSync(path)) ?? playwrightChromium();
}

/** Playwright's own Chromium, if it has been downloaded. */
function playwrightChromium() {
  const script = "process.stdout.write(require('@playwright/test').chromium.executablePath())";
  const found = spawnSync(process.execPath, ['-e', script], { cwd: `${ROOT}/e2e`, encoding: 'utf8' });
  return found.status === 0 && existsSync(found.stdout) ? found.stdout : undefined;
}

/** @returns the path of a Chromium that exists */
export async function ensureChromium() {
  const before = installed();
  if (before) return before;
  process.stdout.write('Installing Chromium for the browser tests …\n');
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    await execute('apt-get', ['update', '-qq']);
    await execute('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium']);
  }
  const fromSystem = installed();
  if (fromSystem) return fromSystem;
  await execute(bin('playwright', 'e2e'), ['install', 'chromium']);
  const downloaded = installed();
  if (downloaded) return downloaded;
  throw new Complaint(
    'The browser tests need Chromium and it could not be installed: install Chromium or Chrome, or set TRIVET_CHROMIUM to its path, and run npm test again.',
  );
}
