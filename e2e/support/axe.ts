/** Looks for what keeps people from using the page, in the state that it is in. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, type Page } from '@playwright/test';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface AxeResults {
  /** Rules that apply to the page and are kept. */
  readonly kept: number;
  /** Those that are not, each as a sentence. */
  readonly broken: readonly string[];
}

export async function runAxe(page: Page): Promise<AxeResults> {
  // Once a document: it is half a megabyte. Evaluated, so that the page's policy has no say.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(SOURCE);
  return page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const { violations, passes } = await axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
    return {
      kept: passes.length,
      broken: violations.map(({ id, nodes }) => `${id} at ${nodes.length} places: ${nodes[0]?.html}`),
    };
  }, TAGS);
}

const LOOKS = [
  { name: 'screen, light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'phone, dark', colorScheme: 'dark', viewport: { width: 390, height: 844 } },
] as const;

/**
 * As `expectAccessible`, on a screen by day and on a phone by night. For tests with reduced motion: colours that fade from
 * one to the other are neither.
 */
export async function expectAccessibleEverywhere(page: Page, state: string): Promise<void> {
  for (const { name, colorScheme, viewport } of LOOKS) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(viewport);
    await expectAccessible(page, `${state}: ${name}`);
  }
}

/** axe finds nothing, and nothing is wider than the screen. @param state named where something is found */
export async function expectAccessible(page: Page, state: string): Promise<void> {
  const { broken } = await runAxe(page);
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(broken, state).toEqual([]);
  expect(excess, `${state}: wider than the screen by`).toBeLessThanOrEqual(0);
}
