/**
 * Watches a page from outside while somebody draws: when the pen was lifted, when the question left for the compute
 * worker, when the answer came back from it, when it was in the document, and when the frame that shows it was done.
 * Between the first and the last of them it asks the page for nothing: the page tells it when all is over.
 */
import type { Page } from '@playwright/test';
import type { Prediction } from '@trivet/client';

/** Milliseconds on the page's clock, and what the client measured itself. */
export interface AnswerTimes {
  /** Of the event, as the browser stamped it. */
  readonly lifted: number;
  readonly asked: number;
  readonly answered: number;
  readonly shown: number;
  readonly painted: number;
  readonly timings: Prediction['timings'];
  readonly workers: readonly Pick<Prediction['workers'][number], 'computeMs' | 'queueMs'>[];
}

interface Question {
  readonly id: number;
  readonly lifted: number;
  readonly asked: number;
  answered?: number;
  timings?: AnswerTimes['timings'];
  workers?: AnswerTimes['workers'];
}

/** Runs in the page, before anything of it. */
function probe(): void {
  let lifted: number | null = null;
  let question: Question | null = null;
  const RealWorker = Worker;
  class WatchedWorker extends RealWorker {
    constructor(...options: ConstructorParameters<typeof Worker>) {
      super(...options);
      // Registered first, so heard before the page itself.
      this.addEventListener('message', ({ data }) => {
        if (data.type !== 'progress' || data.id !== question?.id) return;
        question!.answered = performance.now();
        const { timings, workers } = data.value as Prediction;
        question!.timings = timings;
        question!.workers = workers.map(({ computeMs, queueMs }) => ({ computeMs, queueMs }));
      });
    }

    override postMessage(message: { type: string; id: number }, ...more: never[]): void {
      if (message.type === 'predict' && lifted !== null) {
        question = { id: message.id, lifted, asked: performance.now() };
      }
      super.postMessage(message, ...more);
    }
  }
  Object.assign(globalThis, { Worker: WatchedWorker });
  const { answerPainted } = globalThis as unknown as { answerPainted(times: unknown): void };
  addEventListener(
    'pointerup',
    (event) => {
      if (event.target instanceof HTMLCanvasElement) lifted = event.timeStamp;
    },
    { capture: true },
  );
  new MutationObserver(() => {
    if (question?.answered === undefined) return;
    if (document.querySelector('[data-testid="answer"][data-empty="false"]') === null) return;
    const { lifted: from, asked, answered, timings, workers } = question;
    const shown = performance.now();
    question = null;
    lifted = null;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        answerPainted({ lifted: from, asked, answered, shown, painted: performance.now(), timings, workers });
      };
      port2.postMessage(null);
    });
  }).observe(document, { subtree: true, attributes: true, childList: true, characterData: true });
}

/** Loads the page anew. @returns a function that gives the next answer's times, once that is painted */
export async function watchAnswers(page: Page): Promise<() => Promise<AnswerTimes>> {
  let next: (times: AnswerTimes) => void = () => undefined;
  await page.exposeFunction('answerPainted', (times: AnswerTimes) => next(times));
  await page.addInitScript(probe);
  await page.reload();
  return () =>
    new Promise((resolve) => {
      next = resolve;
    });
}

/** The way of one answer in stages that add up to all of it. */
export function stagesOf({
  lifted,
  asked,
  answered,
  shown,
  painted,
  timings,
  workers,
}: AnswerTimes): Readonly<Record<string, number>> {
  const computing = Math.max(...workers.map(({ computeMs, queueMs }) => computeMs + queueMs));
  return {
    'pen lifted to question asked': asked - lifted,
    'to the compute worker and back': answered - asked - timings.totalMs,
    share: timings.shareMs,
    'workers compute, the slowest': computing,
    'on the way to them and back': timings.networkMs - computing,
    'add up': timings.totalMs - timings.shareMs - timings.networkMs,
    'answer to document': shown - answered,
    'document to frame': painted - shown,
  };
}
