/** Collects what the workers report about single-digit predictions. */
import type { Prediction, WorkerReport } from '@trivet/client';
import type { Plan } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import type { PerWorker, ProtocolReport, StepReport } from './report.js';
import { median } from './statistics.js';

/** Enough for medians of the last, warm runs. */
const KEPT = 2000;

export class StepRecorder {
  #predictions: Prediction[] = [];

  constructor(private readonly plan: Plan) {}

  add(prediction: Prediction): void {
    this.#predictions.push(prediction);
    if (this.#predictions.length >= 2 * KEPT) this.#predictions = this.#predictions.slice(-KEPT);
  }

  get last(): Prediction {
    const last = this.#predictions.at(-1);
    if (last === undefined) throw new TrivetError('INTERNAL', 'Nothing was predicted.');
    return last;
  }

  parts(): ProtocolReport['parts'] {
    const of = (pick: (prediction: Prediction) => number) => median(this.#predictions.map(pick));
    const onWorkers = (pick: (report: WorkerReport) => number): PerWorker<number> => [
      of(({ workers }) => pick(workers[0])),
      of(({ workers }) => pick(workers[1])),
      of(({ workers }) => pick(workers[2])),
    ];
    return {
      shareMs: of(({ timings }) => timings.shareMs),
      networkMs: of(({ timings }) => timings.networkMs),
      queueMs: onWorkers(({ queueMs }) => queueMs),
      batchMs: onWorkers(({ computeMs }) => computeMs),
      reconstructMs: of(({ timings }) => timings.reconstructMs),
    };
  }

  rounds(): number {
    return Math.max(...this.perWorker(({ rounds }) => rounds));
  }

  /** Of the last prediction. */
  perWorker(pick: (report: WorkerReport) => number): PerWorker<number> {
    const [first, second, third] = this.last.workers;
    return [pick(first), pick(second), pick(third)];
  }

  /** One entry per step of the plan; empty when a worker does not tell. */
  steps(): StepReport[] {
    if (this.last.workers.some(({ steps }) => steps.length !== this.plan.steps.length)) return [];
    return this.plan.steps.map(({ name, op }, index) => ({
      name,
      op,
      rounds: Math.max(...this.perWorker(({ steps }) => steps[index]!.rounds)),
      bytesSent: this.perWorker(({ steps }) => steps[index]!.bytesSent),
      ms: [this.#stepMs(0, index), this.#stepMs(1, index), this.#stepMs(2, index)],
    }));
  }

  #stepMs(worker: 0 | 1 | 2, step: number): number {
    return median(this.#predictions.map(({ workers }) => workers[worker].steps[step]!.micros / 1000));
  }
}
