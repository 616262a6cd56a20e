/** The states that no walk goes through: empty, loading, wrong, away, offline. */
import { expectAccessible } from '../support/axe.js';
import { expect, test } from '../support/demo.js';
import { draw, workersReady } from '../support/pad.js';

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test('pages with nothing on them yet, and no page at all', async ({ page, demo }) => {
      for (const path of ['see', 'compare', 'model', 'nowhere']) {
        await page.goto(`${demo.url}/${path}`);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        await expectAccessible(page, path);
      }
    });

    test('a cluster file that takes its time, and one that is broken', async ({ page, demo }) => {
      let answer = () => {};
      const asked = new Promise<void>((resolve) => {
        answer = resolve;
      });
      await page.route('**/cluster.json', async (route) => {
        await asked;
        await route.fulfill({ contentType: 'application/json', body: '{"format":1' });
      });
      await page.goto(`${demo.url}/workers`);
      await expect(page.getByTestId(/^card-\d$/)).toHaveCount(3);
      await expectAccessible(page, 'connecting');
      await page.getByRole('link', { name: 'Draw', exact: true }).click();
      answer();
      await expect(page.getByRole('alert')).toContainText('cluster.json beside this page is not');
      await expectAccessible(page, 'a broken cluster file');
    });
  });
}

test('while a worker is away, and while this device is offline', async ({ page, demo, context }) => {
  await workersReady(page);
  const carol = demo.cluster.workers[2];
  await carol.stop('SIGKILL');
  await expect(page.getByTestId('worker-carol')).toHaveAttribute('data-level', 'away');
  await draw(page, 1);
  await expect(page.getByRole('alert')).toBeVisible();
  await expectAccessible(page, 'no answer');
  await context.setOffline(true);
  await expect(page.getByText('This device is offline.')).toBeVisible();
  await expectAccessible(page, 'offline');
  await context.setOffline(false);
  carol.start();
  await demo.cluster.ready();
});

test('the self-test page', async ({ page, demo }) => {
  await page.goto(`${demo.url}/selftest.html`);
  await expect(page.getByTestId('verdict')).toContainText('bit for bit', { timeout: 50_000 });
  await expectAccessible(page, 'self-test');
});
