/** Pictures of the pages, compared with those in `looks`; `playwright test walk -u` takes them anew. */
import { expect, type Locator, type Page } from '@playwright/test';

/** What differs from run to run: noise, times, addresses. */
const VARYING: Readonly<Record<string, readonly string[]>> = {
  draw: [
    'section:has(#shares-title) canvas',
    'section:has(#shares-title) b',
    'section:has(#answer-title) dd',
    '[data-testid="answer"] + div p',
    '[data-testid="compute"]',
  ],
  see: ['canvas[aria-label]', '[data-testid="scene"] ~ section'],
  batch: ['section[aria-label="Run"] dd'],
  compare: ['td', 'section:has(#what-if-title)'],
  model: [],
  workers: ['dd', 'canvas', 'figcaption b', 'section:has(#models-title) li', '[data-testid^="card-"] > p'],
};

/** Of all pixels: letters are smoothed a little differently elsewhere. */
const MOST_DIFFERENT = 0.02;

export async function expectLook(page: Page, walk: string, what: string): Promise<void> {
  // The same place on every machine, with nothing pointed at.
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    (document.activeElement as HTMLElement | null)?.blur();
    scrollTo({ top: 0, behavior: 'instant' });
  });
  const mask: Locator[] = VARYING[what]!.map((selector) => page.locator(selector));
  const file = `${what}-${walk}.png`.replace(/[^\w.-]+/g, '-');
  await expect(page).toHaveScreenshot(file, {
    mask,
    maskColor: '#888',
    maxDiffPixelRatio: MOST_DIFFERENT,
    // Two pictures that are alike take a busy machine their time.
    timeout: 45_000,
  });
}
