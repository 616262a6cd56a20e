/** Audits the built page in a real browser: `pnpm audit:page`, after `pnpm build`. */
import base from '../playwright.config.js';

export default {
  ...base,
  testDir: '.',
  testMatch: '*.audit.ts',
  projects: base.projects?.slice(0, 1) ?? [],
};
