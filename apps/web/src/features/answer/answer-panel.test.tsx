// @vitest-environment happy-dom

import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import type { PredictionView } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { AnswerPanel } from './answer-panel.js';

const digit = {
  pixels: new Uint8Array(784),
  prepareMs: 1,
  complete: true,
  source: { kind: 'drawing', strokes: [] },
} as const;

const common = {
  timings: { shareMs: 1, networkMs: 5, reconstructMs: 1, totalMs: 7 },
  compute: { kind: 'wasm', label: 'WebAssembly' },
  workers: [{ rounds: 0 }, { rounds: 22 }, { rounds: 22 }],
};

function show(prediction: object) {
  const whole = { ...common, ...prediction } as unknown as PredictionView;
  useAppStore.setState({ phase: 'idle', failure: null, digit, answer: { prediction: whole, digit } });
  render(<AnswerPanel />);
}

afterEach(cleanup);

describe('the answer of a model that reveals classes only', () => {
  it('is the digit, without bars, probabilities or logits', () => {
    const classes = Int32Array.of(7);
    show({ reveal: 'label', classes, topClasses: classes, logits: null, probabilities: null });
    expect(screen.getByTestId('answer').textContent).toBe('The answer is 7');
    expect(screen.getByTestId('classes-only').textContent).toContain('its digit and nothing else');
    expect(screen.queryByLabelText('Probability of each digit')).toBeNull();
    expect(screen.queryByTestId('logits')).toBeNull();
    expect(document.body.textContent).toContain('After 7.0 ms and 22 rounds');
    expect(document.body.textContent).not.toContain('%');
  });

  it('names the next best where the owner tells them', () => {
    const [classes, topClasses] = [Int32Array.of(7), Int32Array.of(7, 9, 3)];
    show({ reveal: 'top-3', classes, topClasses, logits: null, probabilities: null });
    expect(screen.getByTestId('classes-only').textContent).toContain('After the first: 9, 3.');
  });

  it('is shown with bars where the model reveals logits', () => {
    const logits = new Float64Array(10);
    show({ reveal: 'logits', classes: Int32Array.of(0), topClasses: null, logits, probabilities: logits });
    expect(screen.getByLabelText('Probability of each digit')).toBeDefined();
    expect(screen.queryByTestId('classes-only')).toBeNull();
  });
});
