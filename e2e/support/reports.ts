/** Decides when the page hears of which worker, and has it paint whatever it hears. */
import type { Page } from '@playwright/test';
import { held } from './held.js';

/**
 * From here on each report of the workers is painted before the page hears of the next one. What follows upon each other
 * within a frame is never seen on a quick machine, and seen on a slow one.
 */
export async function paintEachReport(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const waiting: (() => void)[] = [];
    let pacing = false;
    const next = () => {
      const deliver = waiting.shift();
      pacing = deliver !== undefined;
      deliver?.();
      // In the first frame it is painted.
      if (pacing) requestAnimationFrame(() => requestAnimationFrame(next));
    };
    globalThis.Worker = class extends Worker {
      override addEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
        super.addEventListener(type, (event) => {
          const deliver = () =>
            typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event);
          if (type !== 'message' || (event as MessageEvent).data.type !== 'workers') return deliver();
          waiting.push(deliver);
          if (!pacing) next();
        });
      }
    };
  });
}

interface Lines {
  open(host: string): void;
  cut(host: string): void;
}

export interface HeldWorkers {
  /** What it said and says is heard. */
  open(url: string): Promise<void>;
  /** Its connection is lost, and the next ones hear nothing. */
  cut(url: string): Promise<void>;
}

/** Opens a page, the first one of its tab, which then hears of no worker until it is told to. */
export async function openWithHeldWorkers(page: Page, url: string): Promise<HeldWorkers> {
  const cluster = await held(page, '**/cluster.json');
  const starting = page.waitForEvent('worker', (one) => one.url().includes('worker'));
  await page.goto(url);
  const worker = await starting;
  await worker.evaluate(() => {
    /** Sockets, and what they have received; null where all is let through. */
    const sockets = new Map<string, Set<WebSocket>>();
    const received = new Map<string, (() => void)[] | null>();
    const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage')!;
    Object.defineProperty(WebSocket.prototype, 'onmessage', {
      set(this: WebSocket, listener: (event: MessageEvent) => void) {
        const { host } = new URL(this.url);
        if (!received.has(host)) received.set(host, []);
        sockets.set(host, (sockets.get(host) ?? new Set()).add(this));
        set!.call(this, (event: MessageEvent) => {
          const queue = received.get(host);
          if (queue) queue.push(() => listener(event));
          else listener(event);
        });
      },
    });
    const lines: Lines = {
      open: (host) => {
        const queue = received.get(host) ?? [];
        received.set(host, null);
        for (const deliver of queue) deliver();
      },
      cut: (host) => {
        received.set(host, []);
        for (const socket of sockets.get(host) ?? []) socket.close();
      },
    };
    Object.assign(globalThis, { lines });
  });
  cluster.release();
  const tell = (what: keyof Lines) => (workerUrl: string) =>
    worker.evaluate(([act, host]) => (globalThis as unknown as { lines: Lines }).lines[act](host), [
      what,
      new URL(workerUrl).host,
    ] as const);
  return { open: tell('open'), cut: tell('cut') };
}
