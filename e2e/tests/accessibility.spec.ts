import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, test } from '../support/demo.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

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

      test('nothing is wider than the screen', async ({ page }) => {
        await workersReady(page);
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(excess).toBe(0);
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
