/** Answers as TensorFlow Serving writes them: `predictions` for rows, `outputs` for columns. */
import type { Prediction, SharedModel } from '@trivet/client';
import { formatFixed, formatRelative } from './decimal.js';
import type { PredictBody } from './predict-request.js';
import { outputShapeOf } from './signature.js';

/**
 * A model that ends in a softmax answers with probabilities, any other with its output; one that reveals classes only with
 * their numbers, which are whole.
 */
export function formatPredictions(prediction: Prediction, model: SharedModel, body: PredictBody): string {
  const unit = 2 ** -model.manifest.plan.fractionalBits;
  const { probabilities, logits, topClasses } = prediction;
  const format = probabilities === null ? formatFixed : formatRelative;
  const values = probabilities ?? logits;
  const numbers =
    values === null
      ? Array.from(topClasses ?? [], String)
      : Array.from(values, (value) => format(value, unit));
  const shape = [prediction.count, ...outputShapeOf(model, body.shape)];
  const key = body.format === 'row' ? 'predictions' : 'outputs';
  return `{"${key}": ${nested(numbers, shape)}}\n`;
}

/** Consecutive numbers as lists in lists. */
function nested(numbers: readonly string[], shape: readonly number[]): string {
  let elements = numbers;
  for (const extent of [...shape].reverse()) {
    const lists: string[] = [];
    for (let start = 0; start < elements.length; start += extent) {
      lists.push(`[${elements.slice(start, start + extent).join(', ')}]`);
    }
    elements = lists;
  }
  return elements[0]!;
}
