import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/demo.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const PAGES = ['See it', 'Batch', 'Compare', 'Model', 'Workers'];

async function expectNoViolations(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const found = violations.map(({ id, nodes }) => `${id} at ${nodes.length} places: ${nodes[0]?.html}`);
  expect(found).toEqual([]);
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const viewport of [
    { width: 1280, height: 900 },
    { width: 390, height: 844 },
  ]) {
    test.describe(`${colorScheme}, ${viewport.width} wide`, () => {
      test.use({ colorScheme, viewport });

      test('axe finds nothing, before and after an answer and in the settings', async ({ page }) => {
        await workersReady(page);
        await expectNoViolations(page);
        await draw(page, 3);
        await expectAnswer(page, 3);
        await expectNoViolations(page);
        await page.getByRole('button', { name: 'Settings' }).click();
        await expectNoViolations(page);
      });

      test('axe finds nothing on any page, and nothing is wider than the screen', async ({ page }) => {
        test.setTimeout(150_000);
        await workersReady(page);
        await page
          .getByRole('button', { name: /^A handwritten 0/ })
          .first()
          .click();
        await expectAnswer(page, 0);
        for (const name of PAGES) {
          await page.getByRole('link', { name, exact: true }).click();
          await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
          if (name === 'See it') {
            // The widest scene.
            await page.getByRole('button', { name: /Three workers talk/ }).click();
          }
          if (name === 'Batch') {
            await page.getByRole('radio', { name: '100', exact: true }).check({ force: true });
            await page.getByRole('button', { name: 'Load test digits' }).click();
            await page.getByRole('button', { name: 'Classify privately' }).click();
            await expect(page.getByText('Done.')).toBeVisible({ timeout: 60_000 });
          }
          await expectNoViolations(page);
          const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect(excess, name).toBe(0);
        }
      });
    });
  }
}

test('axe finds nothing while workers are away', async ({ page, demo }) => {
  await workersReady(page);
  const carol = demo.cluster.workers[2];
  await carol.stop('SIGKILL');
  await expect(page.getByTestId('worker-carol')).toHaveAttribute('data-level', 'away');
  await draw(page, 1);
  await expect(page.getByRole('alert')).toBeVisible();
  await expectNoViolations(page);
  carol.start();
  await demo.cluster.ready();
});

test('axe finds nothing on the self-test page', async ({ page, demo }) => {
  await page.goto(`${demo.url}/selftest.html`);
  await expect(page.getByTestId('verdict')).toContainText('bit for bit', { timeout: 50_000 });
  await expectNoViolations(page);
});
