/**
 * The body of a predict request: rows (`instances`) or columns (`inputs`), names optional, as TensorFlow Serving's
 * REST API has them.
 */
import type { SharedModel } from '@trivet/client';
import { DEFAULT_SIGNATURE, inputShapeOf } from './signature.js';
import { invalid, isBase64, isObject, readSamples, type SampleFormat, type Samples } from './tensors.js';

export interface PredictBody extends Samples {
  /** Rows are answered with `predictions`, columns with `outputs`. */
  readonly format: 'row' | 'column';
}

/** @throws TrivetError INVALID_ARGUMENT with a sentence that says what to change */
export function parsePredictBody(text: string, model: SharedModel): PredictBody {
  const body = parseObject(text);
  checkSignature(body.signature_name, model);
  const { instances, inputs } = body;
  if (instances !== undefined && inputs !== undefined) {
    throw invalid('The body has both "instances" and "inputs": send one of them.');
  }
  const format: SampleFormat = {
    inputSize: model.inputSize,
    shape: inputShapeOf(model),
    preprocessing: model.manifest.preprocessing,
  };
  if (instances !== undefined) {
    if (!Array.isArray(instances)) throw invalid('"instances" must be a list, one element a sample.');
    const rows = instances.some(isNamed) ? unname(instances, model) : instances;
    return { format: 'row', ...readSamples(rows, format, '"instances"') };
  }
  if (inputs === undefined) throw invalid('The body has neither "instances" nor "inputs".');
  const column = isNamed(inputs) ? namedTensor(inputs, model, '"inputs"') : inputs;
  if (!Array.isArray(column)) throw invalid('"inputs" must be a list whose first axis is the batch.');
  return { format: 'column', ...readSamples(column, format, '"inputs"') };
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, and the text is the input.
    throw invalid('The body is not valid JSON.');
  }
  if (!isObject(value)) throw invalid('The body must be a JSON object.');
  return value;
}

function checkSignature(name: unknown, model: SharedModel): void {
  const expected = model.manifest.signature?.name ?? DEFAULT_SIGNATURE;
  if (name === undefined || name === '' || name === expected) return;
  if (typeof name !== 'string') throw invalid('"signature_name" must be a string.');
  throw invalid(`Model "${model.name}" has the signature "${expected}" only.`);
}

/** An object of named tensors, and not the bytes of one. */
function isNamed(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !isBase64(value);
}

function unname(instances: readonly unknown[], model: SharedModel): unknown[] {
  return instances.map((instance, index) => {
    const where = `"instances", sample ${index}`;
    if (!isNamed(instance)) throw invalid(`${where}: name the tensor in every sample, or in none.`);
    return namedTensor(instance, model, where);
  });
}

/** The one tensor of an object; any name will do where the model says none. */
function namedTensor(tensors: Record<string, unknown>, model: SharedModel, where: string): unknown {
  const names = Object.keys(tensors);
  const expected = model.manifest.signature?.input.name ?? names[0];
  if (names.length !== 1 || expected === undefined || names[0] !== expected) {
    const input = expected === undefined ? 'one named tensor' : `the tensor "${expected}"`;
    throw invalid(`${where} must name exactly one tensor: this model takes ${input}.`);
  }
  return tensors[expected];
}
