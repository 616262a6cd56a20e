/** Watches what happens after a click on "Cancel": when the page is ready for another run, and what still leaves it. */
import type { Page } from '@playwright/test';

export interface CancelTimes {
  /** From the click to the button that starts another run. */
  readonly buttonBack: number;
  /** Parts of requests that left after the click, and when the last of them did; 0 for none. */
  readonly sentAfter: number;
  readonly lastSentAfter: number;
}

/** Messages that call a request off are far smaller than requests of a hundred digits. */
const LEAST_REQUEST_BYTES = 4096;
/** Far longer than a request takes: what has not left until then does not leave any more. */
const QUIET_MS = 1500;

interface Sent {
  readonly at: number;
  readonly bytes: number;
}

/** Notes from now on what the compute worker's websockets send; once a page. */
export async function watchSending(page: Page): Promise<() => Promise<readonly Sent[]>> {
  const worker = page.workers().find((one) => one.url().includes('worker'))!;
  await worker.evaluate(() => {
    const sent: Sent[] = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      const bytes = typeof data === 'string' ? data.length : (data as ArrayBufferView).byteLength;
      sent.push({ at: performance.timeOrigin + performance.now(), bytes });
      send.call(this, data);
    };
    Object.assign(globalThis, { sent });
  });
  return () => worker.evaluate(() => (globalThis as unknown as { sent: readonly Sent[] }).sent);
}

/** Clicks on "Cancel" and waits until all is quiet. */
export async function cancel(page: Page, sending: () => Promise<readonly Sent[]>): Promise<CancelTimes> {
  await page.evaluate(() => {
    const isThere = (name: string) =>
      [...document.querySelectorAll('section[aria-label="Run"] button')].some(
        ({ textContent }) => textContent === name,
      );
    const moments: { clicked?: number; back?: number } = {};
    addEventListener(
      'click',
      (event) => {
        moments.clicked = performance.timeOrigin + event.timeStamp;
      },
      { capture: true, once: true },
    );
    const observer = new MutationObserver(() => {
      if (moments.clicked === undefined || isThere('Cancel')) return;
      moments.back = performance.timeOrigin + performance.now();
      observer.disconnect();
    });
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    Object.assign(globalThis, { cancelMoments: moments });
  });
  await page.getByRole('region', { name: 'Run' }).getByRole('button', { name: 'Cancel' }).click();
  await page.getByText(/^Cancelled after/).waitFor();
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  const { clicked, back } = await page.evaluate(
    () =>
      (globalThis as unknown as { cancelMoments: { readonly clicked: number; readonly back: number } })
        .cancelMoments,
  );
  const late = (await sending()).filter(({ at, bytes }) => at > clicked && bytes >= LEAST_REQUEST_BYTES);
  return {
    buttonBack: back - clicked,
    sentAfter: late.length,
    lastSentAfter: Math.max(0, ...late.map(({ at }) => at - clicked)),
  };
}
