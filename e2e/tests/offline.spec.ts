import { expect, test } from '../support/demo.js';
import { draw, workersReady } from '../support/pad.js';

test.use({ serviceWorkers: 'allow' });

test('after a first visit the page opens offline and draws; asking waits for the network', async ({
  page,
  context,
}) => {
  await workersReady(page);
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await expect
    .poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null), { timeout: 30_000 })
    .toBe(true);
  await context.setOffline(true);
  await page.reload();
  await expect(page.getByText('This device is offline.')).toBeVisible();
  await draw(page, 1);
  await expect(page.getByRole('img', { name: /as the model will see it/ })).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText('This device is offline.')).toHaveCount(0);
  // What is kept are the page's own files, nothing of the visitor's.
  const kept = await page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map((request) => new URL(request.url).pathname);
  });
  expect(kept).toContain('/');
  expect(kept.filter((path) => !/^\/(assets\/.*|theme\.js|favicon\.svg|cluster\.json)?$/.test(path))).toEqual(
    [],
  );
});
