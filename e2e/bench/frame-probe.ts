/** Draws with a pointer that moves 120 times a second, and watches the page's frames meanwhile. */
import type { Page } from '@playwright/test';

export interface FrameTimes {
  /** Milliseconds between one frame and the next. */
  readonly intervals: readonly number[];
  /** From the oldest move that a frame shows to when the frame was done. */
  readonly inputToPaint: readonly number[];
}

const MOVE_EVERY_MS = 1000 / 120;

/** Runs in the page. */
function probe(): void {
  const intervals: number[] = [];
  const inputToPaint: number[] = [];
  let oldest: number | null = null;
  let last: number | null = null;
  addEventListener(
    'pointermove',
    (event) => {
      const first = event.getCoalescedEvents?.()[0] ?? event;
      oldest ??= first.timeStamp;
    },
    { capture: true },
  );
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => inputToPaint.push(performance.now() - data);
  const tick = (at: number) => {
    if (last !== null) intervals.push(at - last);
    last = at;
    if (oldest !== null) port2.postMessage(oldest);
    oldest = null;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  Object.assign(globalThis, { frameTimes: { intervals, inputToPaint } });
}

/** A spiral over the whole pad, `durationMs` long, without lifting the pen. */
export async function watchFrames(page: Page, durationMs: number): Promise<FrameTimes> {
  const pad = page.getByLabel('Drawing pad');
  await pad.scrollIntoViewIfNeeded();
  const box = (await pad.boundingBox())!;
  const devtools = await page.context().newCDPSession(page);
  const mouse = (type: 'mousePressed' | 'mouseMoved' | 'mouseReleased', part: number) => {
    const [angle, radius] = [part * 12 * Math.PI, 0.42 * (1 - 0.8 * part)];
    return devtools.send('Input.dispatchMouseEvent', {
      type,
      x: box.x + box.width * (0.5 + radius * Math.cos(angle)),
      y: box.y + box.height * (0.5 + radius * Math.sin(angle)),
      button: 'left',
      buttons: type === 'mouseReleased' ? 0 : 1,
      clickCount: 1,
    });
  };
  await mouse('mousePressed', 0);
  await page.evaluate(probe);
  const moves: Promise<unknown>[] = [];
  const start = performance.now();
  for (let elapsed = 0; elapsed < durationMs; elapsed = performance.now() - start) {
    // Not waited for: a hand does not wait for the page either.
    moves.push(mouse('mouseMoved', elapsed / durationMs));
    await new Promise((resolve) => setTimeout(resolve, MOVE_EVERY_MS));
  }
  await Promise.all(moves);
  const times = await page.evaluate(() => (globalThis as unknown as { frameTimes: FrameTimes }).frameTimes);
  await mouse('mouseReleased', 1);
  await devtools.detach();
  return times;
}
