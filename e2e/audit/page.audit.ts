/**
 * Audits every page as it is served, with its real headers, on a phone and on a screen: accessibility is the part of axe's
 * rules that apply and are kept (WCAG 2.2 A and AA, and axe's best practices), best practices the part of `checks.ts`.
 * Lighthouse asks the same of a page, weighs it differently, and is 201 packages (docs/decisions/0019).
 */
import { runAxe } from '../support/axe.js';
import { expect, test } from '../support/demo.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';
import { checkPractices } from './checks.js';
import { observe } from './observer.js';

const PAGES = ['', 'see', 'batch', 'compare', 'model', 'workers'] as const;
const SCREENS = [
  { name: 'phone', use: { viewport: { width: 412, height: 823 }, hasTouch: true, isMobile: true } },
  { name: 'screen', use: { viewport: { width: 1350, height: 940 } } },
] as const;

const part = (kept: number, of: number) => `${Math.floor((100 * kept) / of)} (${kept} of ${of})`.padEnd(16);

for (const { name: screen, use } of SCREENS) {
  test.describe(screen, () => {
    test.use(use);
    for (const path of PAGES) {
      test(`/${path}`, async ({ page, demo }) => {
        const observed = await observe(page, `${demo.url}/${path}`);
        await workersReady(page);
        await page.evaluate(() => document.fonts.ready);
        if (path === '') {
          await draw(page, 1);
          await expectAnswer(page, 1);
        }
        const axe = await runAxe(page);
        const findings = await checkPractices(page, await observed());
        const all = Object.values(findings);
        const good = all.filter((found) => found.length === 0).length;
        const accessibility = part(axe.kept, axe.kept + axe.broken.length);
        console.log(
          `/${path.padEnd(8)} ${screen.padEnd(7)} accessibility ${accessibility} best practices ${part(good, all.length)}`,
        );
        expect.soft(axe.broken, 'accessibility').toEqual([]);
        for (const [check, found] of Object.entries(findings)) expect.soft(found, check).toEqual([]);
      });
    }
  });
}
