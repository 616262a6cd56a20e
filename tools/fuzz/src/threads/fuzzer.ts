/**
 * Fuzzes targets in a thread of their own, which is ended and begun anew when an input hangs or kills it: such an input is
 * known by the memory that both share.
 */
import { Worker } from 'node:worker_threads';
import type { FuzzResult } from '../fuzz-target.js';
import type { Finding } from '../oracle.js';
import { MAX_INPUT_BYTES } from '../target.js';
import { CurrentCase, type Job, type Report } from './messages.js';

/** Processor time after which an input counts as one that never ends. */
const HANG_MS = 20_000;
const LOOK_EVERY_MS = 1_000;
/** Of the thread's heap. */
const HEAP_MB = 1_024;

export interface FuzzerHooks {
  onProgress(result: FuzzResult): void;
  onFinding(finding: Finding): void;
}

type Ended = { readonly result: FuzzResult } | { readonly stopped: Finding };

export class Fuzzer {
  readonly #current: CurrentCase;
  readonly #shared: SharedArrayBuffer;
  #thread: Worker | null = null;

  constructor(private readonly entry: URL) {
    this.#shared = new SharedArrayBuffer(CurrentCase.HEADER_BYTES + MAX_INPUT_BYTES);
    this.#current = new CurrentCase(this.#shared);
  }

  /** @throws Error when the target itself cannot be prepared */
  async fuzz(job: Job, hooks: FuzzerHooks): Promise<FuzzResult> {
    const total: FuzzResult = {
      target: job.target,
      cases: 0,
      accepted: 0,
      corpus: 0,
      functions: 0,
      findings: 0,
      seconds: 0,
      slowestMs: 0,
    };
    for (let round = 0; ; round++) {
      const left = { maxMs: job.maxMs - 1_000 * total.seconds, maxCases: job.maxCases - total.cases };
      if (round > 0 && (left.maxMs < 1_000 || left.maxCases < 1)) return total;
      let last: FuzzResult = { ...total, cases: 0, accepted: 0, seconds: 0, findings: 0 };
      const start = performance.now();
      const ended = await this.#round(
        { ...job, ...left, seed: job.seed + round },
        {
          onFinding: hooks.onFinding,
          onProgress: (result) => {
            last = result;
            hooks.onProgress(sum(total, result));
          },
        },
      );
      Object.assign(total, sum(total, 'result' in ended ? ended.result : last));
      if ('result' in ended) return total;
      total.seconds += (performance.now() - start) / 1000 - last.seconds;
      total.findings += 1;
      hooks.onFinding(ended.stopped);
    }
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
    this.#thread = null;
  }

  async #round(job: Job, hooks: FuzzerHooks): Promise<Ended> {
    const thread = this.#thread ?? (await this.#start());
    return new Promise((resolve, reject) => {
      let seen = this.#current.number;
      let since = process.cpuUsage();
      const end = (finish: () => void) => {
        clearInterval(watch);
        thread.off('error', onError).off('exit', onExit).off('message', onReport);
        finish();
      };
      const stop = (kind: Finding['kind'], what: string) => {
        this.#thread = null;
        const input = this.#current.input;
        const finding = { target: job.target, kind, what, signature: `${job.target} ${kind}`, input };
        end(() => void thread.terminate().then(() => resolve({ stopped: finding })));
      };
      const watch = setInterval(() => {
        if (this.#current.number !== seen) {
          seen = this.#current.number;
          since = process.cpuUsage();
        } else if (seen > 0 && spentMs(since) > HANG_MS) {
          stop('hang', `did not end within ${HANG_MS} ms`);
        }
      }, LOOK_EVERY_MS);
      const onError = (error: Error) => stop('crash', error.message);
      const onExit = (code: number) => stop('crash', `ended its thread with ${code}`);
      const onReport = (report: Report) => {
        if (report.kind === 'finding') hooks.onFinding(report.finding);
        else if (report.kind === 'progress') hooks.onProgress(report.result);
        else if (report.kind === 'done') end(() => resolve({ result: report.result }));
        else if (report.kind === 'failed') end(() => reject(new Error(report.reason)));
      };
      thread.on('error', onError).on('exit', onExit).on('message', onReport);
      thread.postMessage(job);
    });
  }

  async #start(): Promise<Worker> {
    const thread = new Worker(this.entry, {
      workerData: { shared: this.#shared },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    await new Promise<void>((resolve, reject) => {
      thread.once('error', reject);
      thread.once('message', () => {
        thread.off('error', reject);
        resolve();
      });
    });
    this.#thread = thread;
    return thread;
  }
}

function sum(total: FuzzResult, more: FuzzResult): FuzzResult {
  return {
    target: total.target,
    cases: total.cases + more.cases,
    accepted: total.accepted + more.accepted,
    corpus: Math.max(total.corpus, more.corpus),
    functions: Math.max(total.functions, more.functions),
    findings: total.findings + more.findings,
    seconds: total.seconds + more.seconds,
    slowestMs: Math.max(total.slowestMs, more.slowestMs),
  };
}

/** Of all threads; but for the one that is watched, they wait. */
function spentMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
