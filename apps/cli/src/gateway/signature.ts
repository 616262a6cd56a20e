/** What a model's manifest says about how it is called: names and shapes, as far as it says it. */
import type { SharedModel } from '@trivet/client';
import type { ModelSignature } from '@trivet/shared-types';

/** TensorFlow's name for the signature that is meant when none is named. */
export const DEFAULT_SIGNATURE = 'serving_default';
const PREDICT_METHOD = 'tensorflow/serving/predict';

/**
 * The signature in the manifest; for a model from a format without signatures, what Keras would export. The output is
 * what clients receive of it.
 */
export function signatureOf(model: SharedModel): ModelSignature {
  const signature = originalSignature(model);
  return model.reveal === 'logits' ? signature : { ...signature, output: classesTensor(model) };
}

/** What a model that reveals classes only answers with: their numbers, one a sample, or a row of them. */
function classesTensor({ reveal, outputSize }: SharedModel): ModelSignature['output'] {
  const shape = reveal === 'label' ? [-1] : [-1, outputSize];
  return { name: 'classes', tensor: 'classes:0', dtype: 'DT_INT64', shape };
}

function originalSignature(model: SharedModel): ModelSignature {
  const { signature, plan } = model.manifest;
  if (signature !== undefined) return signature;
  const tensor = (name: string, shape: readonly number[]) => {
    return { name, tensor: `${name}:0`, dtype: 'DT_FLOAT' as const, shape: [-1, ...shape] };
  };
  return {
    name: DEFAULT_SIGNATURE,
    method: PREDICT_METHOD,
    input: tensor('input', plan.inputShape),
    output: tensor('output', plan.outputShape),
  };
}

/** The shape of one sample, -1 where any extent will do; null when the model leaves even the number of axes open. */
export function inputShapeOf(model: SharedModel): readonly number[] | null {
  return signatureOf(model).input.shape?.slice(1) ?? null;
}

/**
 * The shape of one answer. Where a model is one number to one number, or leaves its output's shape open and has as many
 * outputs as inputs, answers have the shape that the samples were given in, as TensorFlow's broadcasting makes it.
 */
export function outputShapeOf(model: SharedModel, sampleShape: readonly number[]): readonly number[] {
  if (model.reveal !== 'logits') return model.reveal === 'label' ? [] : [model.outputSize];
  if (model.inputSize === 1 && model.outputSize === 1) return sampleShape;
  const shape = signatureOf(model).output.shape?.slice(1) ?? null;
  if (shape?.every((extent) => extent > 0)) return shape;
  return model.inputSize === model.outputSize ? sampleShape : model.manifest.plan.outputShape;
}
