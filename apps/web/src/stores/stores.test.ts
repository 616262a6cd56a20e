import type { WorkerView } from '@trivet/client';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ModelSummary, PredictionView } from '../compute/worker/messages.js';
import type { Answer } from './answer-slice.js';
import { useAppStore } from './app-store.js';
import type { Digit } from './digit-slice.js';
import { selectAllReady, selectModel } from './workers-slice.js';

const state = () => useAppStore.getState();
const STROKE = [{ x: 0.5, y: 0.5, width: 0.08 }];
const EMPTY = { kind: 'drawing', strokes: [] } as const;
const DIGIT: Digit = { pixels: new Uint8Array(784), prepareMs: 1, complete: true, source: EMPTY };
const ANSWER: Answer = {
  prediction: { classes: Int32Array.of(7) } as unknown as PredictionView,
  digit: DIGIT,
};

beforeEach(() => useAppStore.setState(useAppStore.getInitialState(), true));

describe('the digit', () => {
  it('collects strokes and takes them back one by one', () => {
    state().addStroke(STROKE, null);
    state().addStroke(STROKE, null);
    state().undo();
    expect(state().source).toEqual({ kind: 'drawing', strokes: [STROKE] });
    state().undo();
    state().undo();
    expect(state().source).toEqual({ kind: 'drawing', strokes: [] });
  });

  it('starts a new drawing on top of a test digit, and undo removes a test digit whole', () => {
    const sample = { kind: 'sample', index: 3, label: 0, pixels: new Uint8Array(784) } as const;
    state().showSource(sample);
    state().addStroke(STROKE, null);
    expect(state().source).toEqual({ kind: 'drawing', strokes: [STROKE] });
    state().showSource(sample);
    state().undo();
    expect(state().source).toEqual({ kind: 'drawing', strokes: [] });
  });

  it('forgets the trouble with a picture as soon as something else is shown', () => {
    state().setPictureProblem('This file is not a picture.');
    state().addStroke(STROKE, null);
    expect(state().pictureProblem).toBeNull();
  });
});

describe('the answer', () => {
  it('stays while the next one is awaited, and after that one failed', () => {
    state().finishPrediction(ANSWER);
    state().beginPrediction();
    expect(state()).toMatchObject({ phase: 'running', answer: ANSWER });
    state().failPrediction({ code: 'UNAVAILABLE', message: 'bob is away.', worker: 'bob' });
    expect(state()).toMatchObject({ phase: 'failed', answer: ANSWER, failure: { worker: 'bob' } });
    state().finishPrediction(ANSWER);
    expect(state()).toMatchObject({ phase: 'idle', failure: null });
  });

  it('is called off only while it runs: a failure stays to be read', () => {
    state().beginPrediction();
    state().cancelPrediction();
    expect(state().phase).toBe('idle');
    state().failPrediction({ code: 'INTERNAL', message: 'no', worker: null });
    state().cancelPrediction();
    expect(state().phase).toBe('failed');
  });
});

describe('the model to ask', () => {
  const model = (name: string, more: Partial<ModelSummary> = {}): ModelSummary => ({
    name,
    version: 1,
    state: 'AVAILABLE',
    takesDigits: true,
    reveal: 'logits',
    served: 0,
    requestLimit: null,
    protocol: 'replicated',
    protocols: ['replicated'],
    access: 'tokens',
    ...more,
  });

  it('is the chosen one while it is served, else the first served one that reads digits', () => {
    const models = [
      model('faces', { takesDigits: false }),
      model('idle', { state: 'START' }),
      model('a'),
      model('b'),
    ];
    expect(selectModel({ models, model: null })?.name).toBe('a');
    expect(selectModel({ models, model: 'b' })?.name).toBe('b');
    expect(selectModel({ models, model: 'idle' })?.name).toBe('a');
    expect(selectModel({ models: [], model: 'b' })).toBeNull();
  });
});

describe('readiness', () => {
  const worker = (reachable: boolean, ready: boolean) =>
    ({ reachable, status: { ready } }) as unknown as WorkerView;

  it('needs every worker, reachable and ready', () => {
    expect(selectAllReady({ workers: null })).toBe(false);
    const good = worker(true, true);
    expect(selectAllReady({ workers: [good, good, good] })).toBe(true);
    expect(selectAllReady({ workers: [good, worker(false, true), good] })).toBe(false);
    expect(selectAllReady({ workers: [good, worker(true, false), good] })).toBe(false);
  });
});
