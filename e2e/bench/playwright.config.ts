/** Measures the page in a real browser: `pnpm bench:page`, after `pnpm build`. */
import base from '../playwright.config.js';

export default {
  ...base,
  testDir: '.',
  testMatch: '*.bench.ts',
  projects: base.projects?.slice(0, 1) ?? [],
};
