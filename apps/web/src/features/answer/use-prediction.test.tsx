// @vitest-environment happy-dom

import { act, cleanup, renderHook } from '@testing-library/react';
import type { WorkerView } from '@trivet/client';
import { TrivetError } from '@trivet/shared-types';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineContext } from '../../app/engine-context.js';
import type { Engine } from '../../compute/engine.js';
import type { ModelSummary, PredictionView } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { usePrediction } from './use-prediction.js';

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
const wrapper = ({ children }: { readonly children: ReactNode }) => (
  <EngineContext value={{ predict } as unknown as Engine}>{children}</EngineContext>
);
const state = () => useAppStore.getState();
const later = () => act(() => vi.advanceTimersByTimeAsync(100));

beforeEach(() => {
  vi.useFakeTimers();
  predict.mockReset();
  useAppStore.setState(useAppStore.getInitialState(), true);
  state().setWorkers(workers(), [MODEL]);
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe('usePrediction', () => {
  it('asks once, shortly after the stroke, and keeps the answer', async () => {
    predict.mockResolvedValue(prediction(7));
    renderHook(usePrediction, { wrapper });
    act(() => state().setDigit(digit(false)));
    await later();
    expect(predict).not.toHaveBeenCalled();
    act(() => state().setDigit(digit()));
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    expect(state().answer?.prediction.classes[0]).toBe(7);
  });

  it('asks in the middle of a stroke when the pen rests, unless the owner counts', async () => {
    predict.mockResolvedValue(prediction(7));
    renderHook(usePrediction, { wrapper });
    act(() => state().setDigit(digit(false)));
    await later();
    act(() => state().setDigit(digit(false)));
    await later();
    expect(predict).not.toHaveBeenCalled();
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    act(() => state().setWorkers(workers(), [{ ...MODEL, requestLimit: 5 }]));
    act(() => state().setDigit(digit(false)));
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
    renderHook(usePrediction, { wrapper });
    act(() => state().setDigit(digit()));
    await later();
    act(() => state().setDigit(digit()));
    expect(predict.mock.calls[0]![1]!.aborted).toBe(true);
    await later();
    await act(async () => finishFirst(prediction(3)));
    expect(state().answer?.prediction.classes[0]).toBe(8);
  });

  it('shows a failure, and asks again by itself once the worker is back', async () => {
    predict.mockRejectedValueOnce(new TrivetError('UNAVAILABLE', 'bob was lost.', 'bob'));
    predict.mockResolvedValueOnce(prediction(5));
    renderHook(usePrediction, { wrapper });
    act(() => state().setDigit(digit()));
    await later();
    expect(state().failure).toMatchObject({ worker: 'bob' });
    act(() => state().setWorkers(workers(false), [MODEL]));
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
    act(() => state().setWorkers(workers(), [MODEL]));
    await later();
    expect(state().answer?.prediction.classes[0]).toBe(5);
    expect(state().failure).toBeNull();
  });

  it('names the worker that is away when there is nobody to ask', async () => {
    renderHook(usePrediction, { wrapper });
    act(() => state().setWorkers(workers(false), []));
    act(() => state().setDigit(digit()));
    await later();
    expect(predict).not.toHaveBeenCalled();
    expect(state().failure).toEqual({ code: 'UNAVAILABLE', message: 'bob is gone.', worker: 'bob' });
  });

  it('waits for the button when it is not to ask by itself', async () => {
    predict.mockResolvedValue(prediction(1));
    act(() => state().changeSettings({ predictAutomatically: false }));
    renderHook(usePrediction, { wrapper });
    act(() => state().setDigit(digit()));
    await later();
    expect(predict).not.toHaveBeenCalled();
    act(() => state().askAgain());
    await later();
    expect(predict).toHaveBeenCalledTimes(1);
  });

  it('forgets the answer when the pad is cleared', async () => {
    predict.mockResolvedValue(prediction(1));
    renderHook(usePrediction, { wrapper });
    act(() => state().setDigit(digit()));
    await later();
    act(() => state().clear());
    expect(state().answer).toBeNull();
  });
});
