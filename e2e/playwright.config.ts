/**
 * End-to-end tests: a real browser, the built page, three real worker processes. Run `pnpm build` first.
 * TRIVET_CHROMIUM names the browser; without it the usual places are looked at.
 */
import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

const PLACES = [
  process.env.TRIVET_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const executablePath = PLACES.find((place) => place !== undefined && existsSync(place));
if (executablePath === undefined) {
  throw new Error('No Chromium was found. Install it, or name it with TRIVET_CHROMIUM=/path/to/chromium.');
}

function browser(flags: readonly string[]) {
  const args = [
    '--headless=new',
    '--no-sandbox',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-quic',
    ...flags,
  ];
  return { launchOptions: { executablePath: executablePath!, args } };
}

export default defineConfig({
  testDir: 'tests',
  outputDir: 'test-results',
  // Letters look different on every system: pictures are compared where they were taken.
  snapshotPathTemplate: '{testDir}/../looks/{arg}{ext}',
  ignoreSnapshots: process.platform !== 'linux',
  // The tests share one cluster and stop its workers: one after the other.
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  forbidOnly: process.env.CI !== undefined,
  // Each test begins with an empty browser; what it keeps for the next visit is a test of its own.
  use: {
    viewport: { width: 1280, height: 900 },
    screenshot: 'only-on-failure',
    serviceWorkers: 'block',
  },
  projects: [
    {
      name: 'webgpu',
      testIgnore: 'without-webgpu.spec.ts',
      // In software, where there is no graphics card.
      use: browser(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']),
    },
    {
      name: 'without webgpu',
      testMatch: 'without-webgpu.spec.ts',
      use: browser(['--disable-features=WebGPU']),
    },
  ],
});
