import { expect, test } from '../support/demo.js';
import { draw, expectAnswer, workersReady } from '../support/pad.js';

test('a worker that is killed is named within two seconds, and predictions resume by themselves', async ({
  page,
  demo,
}) => {
  await workersReady(page);
  await draw(page, 7);
  await expectAnswer(page, 7);

  const bob = demo.cluster.workers[1];
  const killed = bob.stop('SIGKILL');
  const dot = page.getByTestId('worker-bob');
  await expect(dot).toHaveAttribute('data-level', 'away', { timeout: 2_000 });
  await killed;

  // What it means and what to do, on the page about the workers.
  await page.getByRole('link', { name: 'Workers', exact: true }).click();
  await expect(page.getByTestId('card-bob')).toHaveAttribute('data-level', 'away');
  await expect(page.getByTestId('fault')).toContainText('cannot be reached');
  await expect(page.getByTestId('fault')).toContainText('trivet worker --config bob.json');
  await expect(page.getByTestId('fault')).toBeVisible();
  await page.locator('summary', { hasText: 'bob is away' }).click();
  await expect(page.getByTestId('fault')).toBeHidden();
  await page.getByRole('link', { name: 'Draw', exact: true }).click();

  await page
    .getByRole('button', { name: /^A handwritten 0/ })
    .first()
    .click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('bob');
  await expect(alert.getByRole('button', { name: 'Try again' })).toBeVisible();

  bob.start();
  await demo.cluster.ready();
  await workersReady(page);
  // No reload, no click.
  await expectAnswer(page, 0);
  await expect(alert).toHaveCount(0);
});
