/** Checks of a client's own inputs, before anything is shared or sent. */
import { CLIENT_LIMITS, TrivetError } from '@trivet/shared-types';
import type { SharedModel } from './models.js';

/**
 * The number of samples in `inputs`.
 * @throws TrivetError INVALID_ARGUMENT when the size does not fit, or a value is not finite or out of range. The
 *   message names the position, never the value.
 */
export function checkInputs(inputs: Float32Array, model: SharedModel): number {
  const { inputSize, manifest } = model;
  const count = inputs.length / inputSize;
  if (count < 1 || !Number.isInteger(count)) {
    const shape = manifest.plan.inputShape.join(' x ');
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `Model "${model.name}" takes ${inputSize} numbers (${shape}) a sample; ${inputs.length} were given.`,
    );
  }
  // Inputs are 32-bit floats, so their bounds are too: 0.1 as a float is not 0.1 as a double.
  const min = Math.fround(manifest.inputRange.min);
  const max = Math.fround(manifest.inputRange.max);
  for (let index = 0; index < inputs.length; index++) {
    const value = inputs[index]!;
    if (value >= min && value <= max) continue;
    const where = `Number ${index % inputSize} of sample ${Math.floor(index / inputSize)}`;
    const what = Number.isFinite(value)
      ? `is outside ${manifest.inputRange.min} to ${manifest.inputRange.max}, the range the model was shared for`
      : 'is not a finite number';
    throw new TrivetError('INVALID_ARGUMENT', `${where} ${what}.`);
  }
  return count;
}

/** Most samples that one request can hold: the wire's limit, and that of one message. */
export function maxSamplesPerRequest(inputSize: number): number {
  const headerBytes = 1024;
  const bySize = Math.floor((CLIENT_LIMITS.maxMessageBytes - headerBytes) / (8 * inputSize));
  return Math.max(1, Math.min(CLIENT_LIMITS.maxImagesPerRequest, bySize));
}
