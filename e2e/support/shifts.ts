/** Measures how much a page jumps: https://web.dev/articles/cls */
import type { Page } from '@playwright/test';

export interface Shifts {
  readonly total: number;
  /** Each one's share, and the elements that moved. */
  readonly each: readonly string[];
}

/** Every page that is opened from here on is watched. @returns tells how much the present one has jumped so far */
export async function watchShifts(page: Page): Promise<() => Promise<Shifts>> {
  await page.addInitScript(() => {
    const each: string[] = [];
    let total = 0;
    const add = (entries: PerformanceEntryList) => {
      for (const entry of entries as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
        sources: readonly { node: Node | null; previousRect: DOMRect; currentRect: DOMRect }[];
      })[]) {
        if (entry.hadRecentInput) continue;
        total += entry.value;
        const moved = entry.sources.map(
          ({ node, previousRect, currentRect }) =>
            `${node?.nodeName} from ${previousRect.y} to ${currentRect.y}`,
        );
        each.push(`${entry.value.toFixed(4)} ${moved.join()}`);
      }
    };
    const observer = new PerformanceObserver((list) => add(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    const layoutShifts = () => {
      add(observer.takeRecords());
      return { total, each };
    };
    Object.assign(globalThis, { layoutShifts });
  });
  return () =>
    page.evaluate(async () => {
      // What was changed last is painted, and measured.
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      return (globalThis as unknown as { layoutShifts(): Shifts }).layoutShifts();
    });
}
