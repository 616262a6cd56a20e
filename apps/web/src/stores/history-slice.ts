/** The last minutes of the three workers, as this page heard of them: for the charts of the workers page. */
import type { WorkerView } from '@trivet/client';
import type { SetSlice } from './slice.js';

/** One moment of one worker; null where it could not be reached, or does not tell this page how it is. */
export interface WorkerSample {
  readonly queue: number | null;
  readonly served: number | null;
  readonly bytes: number | null;
  readonly memory: number | null;
  /** Round trips to the two other workers in milliseconds, by name. */
  readonly roundTrips: Readonly<Record<string, number>>;
}

export interface Moment {
  /** Seconds since 1970. */
  readonly at: number;
  readonly workers: readonly WorkerSample[];
}

export interface HistorySlice {
  /** Oldest first, about one a second. */
  readonly history: readonly Moment[];
  record(at: number, workers: readonly WorkerView[]): void;
}

/** Ten minutes. */
const MOST_MOMENTS = 600;
/** Workers report at their own times; what comes closer together is one moment. */
const LEAST_SECONDS = 0.9;

export const createHistorySlice = (set: SetSlice<HistorySlice>): HistorySlice => ({
  history: [],
  record: (at, workers) =>
    set(({ history }) => {
      const last = history.at(-1);
      if (last !== undefined && at - last.at < LEAST_SECONDS) {
        const filled = withFirstWords(last, workers);
        return filled === last ? {} : { history: [...history.slice(0, -1), filled] };
      }
      return { history: [...history, { at, workers: workers.map(sampleOf) }].slice(-MOST_MOMENTS) };
    }),
});

/** The moment, with what workers say that had said nothing in it; itself when there is nothing to add. */
function withFirstWords(moment: Moment, workers: readonly WorkerView[]): Moment {
  const samples = workers.map((worker, index) => {
    const before = moment.workers[index];
    return before === undefined || before.memory === null ? sampleOf(worker) : before;
  });
  const isNew = samples.some((sample, index) => {
    return sample.memory !== null && sample !== moment.workers[index];
  });
  return isNew ? { ...moment, workers: samples } : moment;
}

function sampleOf({ reachable, status }: WorkerView): WorkerSample {
  const operation = reachable ? (status?.operation ?? null) : null;
  if (operation === null) {
    return { queue: null, served: null, bytes: null, memory: null, roundTrips: {} };
  }
  const heard = operation.peers.filter((peer) => peer.connected && peer.roundTripMs !== null);
  return {
    queue: operation.queueLength,
    served: operation.servedTotal,
    bytes: operation.bytesSentTotal,
    memory: operation.memoryBytes,
    roundTrips: Object.fromEntries(heard.map((peer) => [peer.name, peer.roundTripMs!])),
  };
}

/**
 * What a growing count grew by in each second, null before the first moment and over a gap; a worker that started anew
 * counts from zero.
 */
export function ratesOf(
  history: readonly Moment[],
  pick: (moment: Moment) => number | null,
): (number | null)[] {
  return history.map((moment, index) => {
    const before = history[index - 1];
    const [now, then] = [pick(moment), before === undefined ? null : pick(before)];
    if (before === undefined || now === null || then === null) return null;
    return Math.max(0, now < then ? now : now - then) / (moment.at - before.at);
  });
}
