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
  ({ requestId: `${digitClass}`, classes: Int32Array.of(digitClass) }) as unknown as PredictionView;

const predict = vi.fn<Engine['predict']>();
/** The answer is told, and then comes all of it. */
const answering =
  (digitClass: number): Engine['predict'] =>
  async (_takes, _signal, onAnswer) => {
    onAnswer?.(prediction(digitClass));
    return prediction(digitClass);
  };
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
    predict.mockImplementation(answering(7));
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
    predict.mockImplementation(answering(7));
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
    let finishFirst = () => {};
    predict.mockImplementationOnce(
      (_takes, _signal, onAnswer) =>
        new Promise((resolve) => {
          finishFirst = () => {
            onAnswer?.(prediction(3));
            resolve(prediction(3));
          };
        }),
    );
    predict.mockImplementationOnce(answering(8));
    start();
    state().setDigit(digit());
    await later();
    state().setDigit(digit());
    expect(predict.mock.calls[0]![1]!.aborted).toBe(true);
    await later();
    finishFirst();
    await later();
    expect(state().answer?.prediction.classes[0]).toBe(8);
  });

  it('shows an answer before how it came about, which still comes when the drawing goes on', async () => {
    let finish = () => {};
    predict.mockImplementationOnce((_takes, _signal, onAnswer) => {
      queueMicrotask(() => onAnswer?.(prediction(7)));
      return new Promise((resolve) => {
        finish = () => resolve(prediction(7));
      });
    });
    predict.mockImplementationOnce(() => new Promise(() => undefined));
    start();
    state().setDigit(digit());
    await later();
    expect(state()).toMatchObject({ phase: 'idle', traced: null });
    expect(state().answer?.prediction.classes[0]).toBe(7);
    state().setDigit(digit());
    expect(predict.mock.calls[0]![1]!.aborted).toBe(false);
    finish();
    await later();
    expect(state().phase).toBe('running');
    expect(state().traced?.prediction.classes[0]).toBe(7);
  });

  it('does not bring an answer back that was cleared away', async () => {
    let finish = () => {};
    predict.mockImplementationOnce((_takes, _signal, onAnswer) => {
      queueMicrotask(() => onAnswer?.(prediction(7)));
      return new Promise((resolve) => {
        finish = () => resolve(prediction(7));
      });
    });
    start();
    state().setDigit(digit());
    await later();
    state().clear();
    finish();
    await later();
    expect(state()).toMatchObject({ phase: 'idle', answer: null, traced: null });
  });

  it('shows a failure, and asks again by itself once the worker is back', async () => {
    predict.mockRejectedValueOnce(new TrivetError('UNAVAILABLE', 'bob was lost.', 'bob'));
    predict.mockImplementationOnce(answering(5));
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
    predict.mockImplementation(answering(1));
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
    predict.mockImplementation(answering(1));
    start();
    state().setDigit(digit());
    await later();
    state().clear();
    expect(state().answer).toBeNull();
  });

  it('hears nothing any more, and asks no more, once it is ended', async () => {
    let finish = () => {};
    predict.mockImplementationOnce(
      (_takes, _signal, onAnswer) =>
        new Promise((resolve) => {
          finish = () => {
            onAnswer?.(prediction(3));
            resolve(prediction(3));
          };
        }),
    );
    start();
    state().setDigit(digit());
    stop();
    expect(predict.mock.calls[0]![1]!.aborted).toBe(true);
    finish();
    state().setDigit(digit());
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    expect(state()).toMatchObject({ phase: 'idle', answer: null });
  });
});
