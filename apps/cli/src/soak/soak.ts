/**
 * Load on three real workers for a long time, with a fault every twenty seconds: every request is answered rightly or
 * refused with a code, nothing hangs, memory stays where it is, and service resumes by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelOwner } from '@trivet/client';
import { compileModelFile, MNIST_INPUT_RANGE, type WorkerExit } from '@trivet/node';
import { SeededRandom } from '@trivet/seeded-random';
import { type ProtocolName, TrivetError } from '@trivet/shared-types';
import { MODEL_NAME, type ServingCluster, shareRequest, startServing } from '../bench/cluster.js';
import { readHeld } from '../bench/worker-metrics.js';
import { inject, type PlannedFault, planFaults, replacesProcess } from '../faults/faults.js';
import { type RunningRequests, startRequests } from '../load/start-requests.js';
import { since, type Tally } from '../load/tally.js';
import { MemoryLog } from './memory.js';
import type { InjectedFault, SoakReport } from './report.js';
import * as settings from './settings.js';

export interface SoakOptions {
  /** The model's two versions; the owner switches between them. */
  readonly files: readonly [string, string];
  readonly minutes: number;
  readonly seed: number;
  readonly protocol: ProtocolName;
  readonly signal: AbortSignal;
  readonly onStage: (what: string) => void;
  /** A few times a minute. */
  readonly onProgress: (progress: SoakProgress) => void;
}

export interface SoakProgress {
  readonly seconds: number;
  readonly ofSeconds: number;
  readonly tally: Tally;
  /** The latest one, also while it lasts. */
  readonly fault: PlannedFault | null;
}

const IMAGES = 300;
const CONNECTIONS = 8;
const LANES = 16;
/**
 * First batches of the largest size, so that memory is what it will be, then requests as they will come, so that V8 has
 * compiled what is hot.
 */
const LARGEST_BATCH = 128;
const LARGE_LANES = 4;
const WARM_UP_MS = 8000;
const MEASURE_MS = 10_000;
const SAMPLE_EVERY_MS = 5000;
const PROGRESS_EVERY_MS = 10_000;
/** One fault in so many comes while the owner changes the version. */
const CHANGE_EVERY = 3;
/** A service manager waits so long before it starts a worker again whose port was taken. */
const RESTART_MS = 500;
const EXIT_UNAVAILABLE = 69;
const SETTLE_MS = 20_000;

/** @throws TrivetError when the workers or the clients do not start, or the clients' process fails; CANCELLED */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { files, minutes, seed, protocol, signal, onStage } = options;
  const crashes: string[] = [];
  onStage('starting three workers behind a relay');
  const [first, second] = await Promise.all(files.map((file) => compileModelFile(file, MNIST_INPUT_RANGE)));
  let serving: ServingCluster | undefined;
  const onCrash = (exit: WorkerExit) => {
    if (exit.code === EXIT_UNAVAILABLE) {
      const worker = serving?.local.workers.find(({ name }) => name === exit.name);
      setTimeout(() => !signal.aborted && worker?.start(), RESTART_MS);
      return;
    }
    crashes.push(
      `Worker "${exit.name}" ended by itself (${exit.signal ?? exit.code}): ${exit.lastWords.slice(0, 500)}`,
    );
    // As a service manager would.
    serving?.local.workers.find(({ name }) => name === exit.name)?.start();
  };
  serving = await startServing({ compiled: first!.compiled, rttMs: 0, relayed: true, signal, onCrash });
  let requests: RunningRequests | undefined;
  try {
    await serving.asOwner((owner) => owner.share(shareRequest(MODEL_NAME, second!.compiled), { signal }));
    await serving.asOwner((owner) => owner.startServing(MODEL_NAME, { protocol, version: 1, signal }));
    onStage('starting the clients');
    requests = await startRequests({
      cluster: serving.cluster,
      model: MODEL_NAME,
      files,
      images: IMAGES,
      connections: CONNECTIONS,
      timeoutMs: settings.TIMEOUT_MS,
      largeEvery: 20,
      largeDigits: 10,
      cancelEvery: 100,
      seed,
    });
    onStage('measuring the capacity');
    await requests.closed(LARGE_LANES, WARM_UP_MS, LARGEST_BATCH);
    await requests.closed(LANES, WARM_UP_MS);
    const { requestsPerSecond: capacity } = await requests.closed(LANES, MEASURE_MS);
    const load = capacity * settings.LOAD;
    onStage(`${Math.round(capacity)} requests/s; ${Math.round(load)} requests/s for ${minutes} min`);
    return await new Run(options, serving, requests, { capacity, load }, crashes).run();
  } catch (error) {
    throw signal.aborted ? new TrivetError('CANCELLED', 'Interrupted.') : error;
  } finally {
    await requests?.stop();
    await serving.stop();
  }
}

class Run {
  readonly #start = performance.now();
  readonly #memory: MemoryLog;
  readonly #faults: InjectedFault[] = [];
  readonly #totalMs: number;
  readonly #settledMs: number;
  readonly #random: SeededRandom;
  #fault: PlannedFault | null = null;
  #versions = 0;

  constructor(
    private readonly options: SoakOptions,
    private readonly serving: ServingCluster,
    private readonly requests: RunningRequests,
    private readonly rates: { readonly capacity: number; readonly load: number },
    private readonly crashes: readonly string[],
  ) {
    this.#memory = new MemoryLog(serving.metricsUrls);
    this.#totalMs = options.minutes * 60_000;
    this.#settledMs = Math.min(settings.SETTLED_AFTER_MS, this.#totalMs / 2);
    this.#random = new SeededRandom(options.seed);
  }

  async run(): Promise<SoakReport> {
    const { minutes, seed, protocol, signal } = this.options;
    const { requests } = this;
    const before = (await requests.look()).tally;
    await requests.setRate(this.rates.load);
    const over = new AbortController();
    const background = AbortSignal.any([signal, over.signal]);
    const watching = [
      this.#every(SAMPLE_EVERY_MS, background, () => this.#memory.read(this.#now)),
      this.#every(PROGRESS_EVERY_MS, background, () => this.#tellProgress(before)),
    ];
    try {
      await Promise.race([requests.failed, this.#injectFaults()]);
    } finally {
      over.abort();
      await Promise.allSettled(watching);
    }
    await requests.setRate(0);
    const left = await this.#settle();
    const { tally } = await requests.look();
    const { MEMORY_WINDOW_MS } = settings;
    return {
      protocol,
      seed,
      minutes,
      ...this.rates,
      tally: since(before, tally),
      faults: this.#faults,
      memory: {
        settledAtSeconds: this.#settledMs / 1000,
        settled: this.#memory.within(this.#settledMs - MEMORY_WINDOW_MS, this.#settledMs),
        end: this.#memory.within(this.#totalMs - MEMORY_WINDOW_MS, this.#totalMs),
        bounded: this.#isBounded,
      },
      crashes: this.crashes,
      left,
    };
  }

  /** Whether the run is long enough for the bound on memory to mean something. */
  get #isBounded(): boolean {
    return this.#totalMs >= 2 * settings.SETTLED_AFTER_MS;
  }

  get #now(): number {
    return performance.now() - this.#start;
  }

  async #injectFaults(): Promise<void> {
    const { FAULT_EVERY_MS } = settings;
    const plan = planFaults(this.#random);
    for (let at = FAULT_EVERY_MS; at + FAULT_EVERY_MS <= this.#totalMs; at += FAULT_EVERY_MS) {
      let fault = plan.next().value;
      while (replacesProcess(fault.kind) && this.#isToBeUndisturbed(at)) fault = plan.next().value;
      await this.#until(at);
      await this.#injectOne(fault);
    }
    await this.#until(this.#totalMs);
  }

  async #injectOne(fault: PlannedFault): Promise<void> {
    this.#fault = fault;
    const atSeconds = this.#now / 1000;
    const changing = this.#random.below(CHANGE_EVERY) === 0 ? this.#changeVersion() : null;
    const heal = await inject(this.serving, fault, this.#random);
    try {
      await sleep(fault.seconds * 1000, undefined, { signal: this.options.signal });
    } finally {
      await heal();
    }
    const limit = new AbortController();
    const recoveryMs = await Promise.race([
      this.requests.recovered(),
      sleep(settings.MOST_RECOVERY_MS, null, { signal: limit.signal }),
    ]);
    limit.abort();
    const worker = this.serving.local.workers[fault.worker].name;
    this.#faults.push({ ...fault, worker, atSeconds, change: changing && (await changing), recoveryMs });
  }

  /** The owner switches to the other version, as well as can be done. @returns how it ended */
  async #changeVersion(): Promise<string> {
    const version = 1 + (++this.#versions % 2);
    const change = (owner: ModelOwner) => owner.switchTo(MODEL_NAME, version, { timeoutMs: 15_000 });
    return this.serving.asOwner(change).then(
      () => 'done',
      (error: unknown) => (error instanceof TrivetError ? error.code : String(error)),
    );
  }

  /** Memory is told soon, or later compared with what it is now: a young process does not show what it will be. */
  #isToBeUndisturbed(at: number): boolean {
    const { MEMORY_WINDOW_MS, UNDISTURBED_MS } = settings;
    if (this.#isBounded && at <= this.#settledMs) return true;
    return at >= this.#totalMs - MEMORY_WINDOW_MS - UNDISTURBED_MS;
  }

  /** Waits until nobody asks any more. @returns what the workers hold all the same */
  async #settle(): Promise<string[]> {
    const until = performance.now() + SETTLE_MS;
    let left: string[] = [];
    do {
      await sleep(500, undefined, { signal: this.options.signal });
      const { open } = await this.requests.look();
      left = open === 0 ? [] : [`${open} requests are still open at the clients.`];
      for (const [worker, url] of this.serving.metricsUrls.entries()) {
        const held = await readHeld(url).catch(() => null);
        if (held === null) left.push(`Worker ${worker} does not tell its metrics.`);
        else if (held.requestsOpen + held.batchesQueued > 0) {
          left.push(`Worker ${worker} still holds ${held.requestsOpen} requests.`);
        }
      }
    } while (left.length > 0 && performance.now() < until);
    return left;
  }

  async #tellProgress(before: Tally): Promise<void> {
    const { tally } = await this.requests.look();
    this.options.onProgress({
      seconds: this.#now / 1000,
      ofSeconds: this.#totalMs / 1000,
      tally: since(before, tally),
      fault: this.#fault,
    });
  }

  async #every(ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await work();
      await sleep(ms, undefined, { signal }).catch(() => undefined);
    }
  }

  async #until(atMs: number): Promise<void> {
    const wait = atMs - this.#now;
    if (wait > 0) await sleep(wait, undefined, { signal: this.options.signal });
  }
}
