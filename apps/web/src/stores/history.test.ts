import type { WorkerView } from '@trivet/client';
import { beforeEach, describe, expect, it } from 'vitest';
import { useAppStore } from './app-store.js';
import { ratesOf } from './history-slice.js';

const state = () => useAppStore.getState();
const worker = (servedTotal: number, reachable = true) =>
  ({
    reachable,
    status: {
      operation: {
        queueLength: 2,
        servedTotal,
        bytesSentTotal: 10,
        memoryBytes: 20,
        peers: [
          { name: 'bob', connected: true, roundTripMs: 3 },
          { name: 'carol', connected: false, roundTripMs: 4 },
        ],
      },
    },
  }) as unknown as WorkerView;

beforeEach(() => useAppStore.setState(useAppStore.getInitialState(), true));

describe('the history', () => {
  it('keeps one moment a second, and gaps where a worker is away', () => {
    state().record(100, [worker(0)]);
    state().record(100.5, [worker(5)]);
    state().record(101, [worker(6)]);
    state().record(102, [worker(6, false)]);
    expect(state().history.map(({ at, workers }) => [at, workers[0]!.served])).toEqual([
      [100, 0],
      [101, 6],
      [102, null],
    ]);
    expect(state().history[0]!.workers[0]!.roundTrips).toEqual({ bob: 3 });
  });

  it('adds the first words of a worker to the moment in which it was silent', () => {
    state().record(100, [worker(0, false), worker(3)]);
    state().record(100.2, [worker(7), worker(4)]);
    state().record(100.4, [worker(8, false), worker(5)]);
    expect(state().history.map(({ at, workers }) => [at, ...workers.map(({ served }) => served)])).toEqual([
      [100, 7, 3],
    ]);
  });

  it('forgets what is older than ten minutes', () => {
    for (let at = 0; at < 700; at++) state().record(at, [worker(at)]);
    expect(state().history).toHaveLength(600);
    expect(state().history[0]!.at).toBe(100);
  });

  it('turns counts into rates, over gaps and restarts too', () => {
    for (const [at, served, here] of [
      [0, 10, true],
      [2, 30, true],
      [3, 0, false],
      [4, 40, true],
      [5, 3, true],
    ] as const) {
      state().record(at, [worker(served, here)]);
    }
    expect(ratesOf(state().history, ({ workers }) => workers[0]!.served)).toEqual([null, 10, null, null, 3]);
  });
});
