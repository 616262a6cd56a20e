/** `trivet check`: what a model would cost and whether its values fit, before anything is shared. Needs no cluster. */
import { ModelRangeError, sizeOf, UnsupportedLayersError } from '@trivet/mpc-core';
import {
  type Calibration,
  compileModel,
  looksLikeMnist,
  MNIST_INPUT_RANGE,
  openModelFile,
  PLAIN_INPUT_RANGE,
  readCalibration,
} from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { NETWORKS, OVERHEADS, protocolCosts } from './check-costs.js';
import { checkReport } from './check-view.js';
import { addKeyOptions, findKeys, type KeyOptions } from './key-options.js';
import {
  addJsonOption,
  addModelOptions,
  addRevealOption,
  examples,
  type JsonOption,
  MODEL_ARGUMENT,
  type ModelOptions,
  type RevealOption,
  wholeNumber,
} from './options.js';

interface CheckOptions extends JsonOption, KeyOptions, ModelOptions, RevealOption {
  readonly calibrate?: string;
  readonly samples: number;
}

export function checkCommand(): Command {
  const command = new Command('check')
    .description(
      'tell what a model costs and whether its values fit; nothing is shared, no cluster is needed',
    )
    .argument('<model>', MODEL_ARGUMENT)
    .option('--calibrate <file>', 'inputs to try: IDX, .npy, or JSON arrays; bytes are divided by 255')
    .option('--samples <number>', 'try so many of them at most', wholeNumber(1), 200)
    .addHelpText(
      'after',
      examples('trivet check model.h5', 'trivet check model.onnx --calibrate inputs.npy --json'),
    );
  addRevealOption(command, 'what clients would receive: logits, label, or top-K');
  return addJsonOption(addKeyOptions(addModelOptions(command))).action(check);
}

async function check(path: string, options: CheckOptions): Promise<void> {
  const imported = await openModelFile(path, { ...options, keys: await findKeys(options) });
  const { inputShape } = imported.graph;
  const inputRange =
    options.inputRange ?? (looksLikeMnist(inputShape) ? MNIST_INPUT_RANGE : PLAIN_INPUT_RANGE);
  const calibration =
    options.calibrate === undefined
      ? undefined
      : await readCalibration(options.calibrate, sizeOf(inputShape), options.samples, inputRange.max <= 1);
  if (calibration !== undefined) checkInputs(calibration, inputRange, options.calibrate!);
  const { compiled, signature } = await compileModel(path, imported, inputRange, {
    reveal: options.reveal,
    fractionalBits: options.fractionalBits,
    ...(calibration === undefined ? {} : { calibration }),
  }).catch((error: unknown) => {
    if (options.json) console.log(JSON.stringify(refusal(error)));
    throw error;
  });
  const costs = await protocolCosts(compiled.plan);
  const { format, version } = imported;
  const result = { path, format, version, signature, compiled, samples: calibration?.count ?? 0, costs };
  if (options.json) {
    const { plan, report, folded, multiplications } = compiled;
    const weights = compiled.weights.reduce((sum, weight) => sum + weight.length, 0);
    const { fractionalBits, outputBits, outputActivation, outputShape } = plan;
    console.log(
      JSON.stringify({
        ok: true,
        format,
        version,
        signature,
        inputShape,
        outputShape,
        reveal: options.reveal,
        inputRange,
        fractionalBits,
        outputBits,
        outputActivation,
        samples: result.samples,
        layers: report,
        folded,
        multiplications,
        weights,
        networks: NETWORKS,
        overheads: OVERHEADS,
        protocols: costs,
      }),
    );
    return;
  }
  console.log(checkReport(result));
}

/** What a script is told of a model that cannot be shared: the sentence, and the layers that it is about. */
function refusal(error: unknown) {
  const { cause } = error as Error;
  const layers =
    cause instanceof ModelRangeError
      ? [{ name: cause.layer, largest: cause.bound, limit: cause.limit }]
      : cause instanceof UnsupportedLayersError
        ? cause.layers
        : [];
  return { ok: false, error: error instanceof TrivetError ? error.message : 'internal error', layers };
}

function checkInputs(
  { inputs }: Calibration,
  range: { readonly min: number; readonly max: number },
  file: string,
): void {
  const outside = inputs.find((value) => value < range.min || value > range.max);
  if (outside === undefined) return;
  throw new TrivetError(
    'INVALID_ARGUMENT',
    `${file}: ${outside} lies outside of the inputs that the model is checked for, ${range.min} to ${range.max}: ` +
      'say --input-range.',
  );
}
