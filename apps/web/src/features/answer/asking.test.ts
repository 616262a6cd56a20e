import type { WorkerView } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../compute/engine.js';
import type { ModelSummary, PredictionView } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { keepAsking } from './asking.js';

const MODEL: ModelSummary = {
  name: 'mnist',
  version: 1,
  state: 'AVAILABLE',
  takesDigits: true,
  reveal: 'logits',
  served: 0,
  requestLimit: null,
  protocol: 'replicated',
  protocols: ['replicated'],
  access: 'tokens',
};
const view = (name: string, reachable: boolean) =>
  ({
    name,
    reachable,
    status: { ready: reachable },
    problem: reachable ? null : `${name} is gone.`,
  }) as unknown as WorkerView;
const workers = (bob = true) => [view('alice', true), view('bob', bob), view('carol', true)];
const source = { kind: 'drawing', strokes: [] } as const;
const digit = (complete = true) => ({ pixels: new Uint8Array(784), prepareMs: 1, complete, source });
const prediction = (digitClass: number) =>
  ({ classes: Int32Array.of(digitClass) }) as unknown as PredictionView;

const predict = vi.fn<Engine['predict']>();
const start = () => {
  stop = keepAsking({ predict });
};
let stop = () => {};
const state = () => useAppStore.getState();
const later = () => vi.advanceTimersByTimeAsync(100);

beforeEach(() => {
  vi.useFakeTimers();
  predict.mockReset();
  useAppStore.setState(useAppStore.getInitialState(), true);
  state().setWorkers(workers(), [MODEL]);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

describe('keepAsking', () => {
  it('asks in the very moment in which the pen is lifted, once, and keeps the answer', async () => {
    predict.mockResolvedValue(prediction(7));
    start();
    state().setDigit(digit(false));
    await later();
    expect(predict).not.toHaveBeenCalled();
    state().addStroke([], { pixels: new Uint8Array(784), prepareMs: 1 });
    expect(predict).toHaveBeenCalledTimes(1);
    expect(state().phase).toBe('running');
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    expect(state().answer?.prediction.classes[0]).toBe(7);
  });

  it('asks in the middle of a stroke when the pen rests, unless the owner counts', async () => {
    predict.mockResolvedValue(prediction(7));
    start();
    state().setDigit(digit(false));
    await later();
    state().setDigit(digit(false));
    await later();
    expect(predict).not.toHaveBeenCalled();
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    state().setWorkers(workers(), [{ ...MODEL, requestLimit: 5 }]);
    state().setDigit(digit(false));
    await later();
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
  });

  it('calls off the old question when the drawing goes on, and ignores its answer', async () => {
    let finishFirst = (_: PredictionView) => {};
    predict.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          finishFirst = resolve;
        }),
    );
    predict.mockResolvedValueOnce(prediction(8));
    start();
    state().setDigit(digit());
    await later();
    state().setDigit(digit());
    expect(predict.mock.calls[0]![1]!.aborted).toBe(true);
    await later();
    finishFirst(prediction(3));
    await later();
    expect(state().answer?.prediction.classes[0]).toBe(8);
  });

  it('shows a failure, and asks again by itself once the worker is back', async () => {
    predict.mockRejectedValueOnce(new TrivetError('UNAVAILABLE', 'bob was lost.', 'bob'));
    predict.mockResolvedValueOnce(prediction(5));
    start();
    state().setDigit(digit());
    await later();
    expect(state().failure).toMatchObject({ worker: 'bob' });
    state().setWorkers(workers(false), [MODEL]);
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    state().setWorkers(workers(), [MODEL]);
    await later();
    expect(state().answer?.prediction.classes[0]).toBe(5);
    expect(state().failure).toBeNull();
  });

  it('names the worker that is away when there is nobody to ask', async () => {
    start();
    state().setWorkers(workers(false), []);
    state().setDigit(digit());
    await later();
    expect(predict).not.toHaveBeenCalled();
    expect(state().failure).toEqual({ code: 'UNAVAILABLE', message: 'bob is gone.', worker: 'bob' });
  });

  it('waits for the button when it is not to ask by itself', async () => {
    predict.mockResolvedValue(prediction(1));
    state().changeSettings({ predictAutomatically: false });
    start();
    state().setDigit(digit());
    await later();
    expect(predict).not.toHaveBeenCalled();
    state().askAgain();
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
  });

  it('forgets the answer when the pad is cleared', async () => {
    predict.mockResolvedValue(prediction(1));
    start();
    state().setDigit(digit());
    await later();
    state().clear();
    expect(state().answer).toBeNull();
  });

  it('hears nothing any more, and asks no more, once it is ended', async () => {
    let finish = (_: PredictionView) => {};
    predict.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    start();
    state().setDigit(digit());
    stop();
    expect(predict.mock.calls[0]![1]!.aborted).toBe(true);
    finish(prediction(3));
    state().setDigit(digit());
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    expect(state()).toMatchObject({ phase: 'idle', answer: null });
  });
});
