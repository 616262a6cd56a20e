/** Decides when the page's compute worker gets its graphics card. */
import { expect, type Page } from '@playwright/test';

interface Held {
  asked: boolean;
  release(): void;
}

/** From here on the card is asked for and not given until `release`. */
export async function holdBackGpu(page: Page): Promise<{ asked(): Promise<void>; release(): Promise<void> }> {
  const worker = page.workers().find((one) => one.url().includes('worker'))!;
  await worker.evaluate(() => {
    const prototype = (globalThis as unknown as { GPUAdapter: { prototype: Record<string, unknown> } })
      .GPUAdapter.prototype;
    const request = prototype.requestDevice as (...args: unknown[]) => Promise<unknown>;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const held: Held = { asked: false, release };
    Object.assign(globalThis, { held });
    prototype.requestDevice = async function (...args: unknown[]) {
      held.asked = true;
      await released;
      return request.apply(this, args);
    };
  });
  return {
    asked: () =>
      expect
        .poll(() => worker.evaluate(() => (globalThis as unknown as { held: Held }).held.asked), {
          timeout: 30_000,
        })
        .toBe(true),
    release: () => worker.evaluate(() => (globalThis as unknown as { held: Held }).held.release()),
  };
}
