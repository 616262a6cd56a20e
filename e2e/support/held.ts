/** Holds a file of the page back, so that a test sees what is shown while it is awaited. */
import type { Page, Route } from '@playwright/test';

/**
 * From here on whoever asks for it waits until `release`.
 * @param answer what is answered then; the file itself unless told
 */
export async function held(
  page: Page,
  pattern: string,
  answer?: Parameters<Route['fulfill']>[0],
): Promise<{ release(): void }> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(pattern, async (route) => {
    await released;
    await (answer === undefined ? route.continue() : route.fulfill(answer)).catch(() => undefined);
  });
  return { release };
}
