/** `trivet check`: what a model would cost and whether its values fit, before anything is shared. Needs no cluster. */
import { fss, predictCost, replicated, securenn, sizeOf } from '@trivet/mpc-core';
import {
  type Calibration,
  compileModel,
  looksLikeMnist,
  MNIST_INPUT_RANGE,
  openModelFile,
  PLAIN_INPUT_RANGE,
  readCalibration,
} from '@trivet/node';
import { PROTOCOL_NAMES, type ProtocolName, TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { checkReport, NETWORKS, type ProtocolCost } from './check-view.js';
import { addKeyOptions, findKeys, type KeyOptions } from './key-options.js';
import {
  addJsonOption,
  addModelOptions,
  examples,
  type JsonOption,
  MODEL_ARGUMENT,
  type ModelOptions,
  wholeNumber,
} from './options.js';

interface CheckOptions extends JsonOption, KeyOptions, ModelOptions {
  readonly calibrate?: string;
  readonly samples: number;
}

const PROTOCOLS = { replicated: replicated(), fss: fss(), securenn: securenn() } as const;

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
  const { compiled, signature } = await compileModel(path, imported, inputRange, calibration);
  const costs = PROTOCOL_NAMES.map((name) => protocolCost(name, compiled.plan));
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
        inputRange,
        fractionalBits,
        outputBits,
        outputActivation,
        samples: result.samples,
        layers: report,
        folded,
        multiplications,
        weights,
        protocols: costs,
      }),
    );
    return;
  }
  console.log(checkReport(result));
}

/** Declared costs of one request of one sample. Worker to worker; what the client sends comes on top. */
function protocolCost(name: ProtocolName, plan: Parameters<typeof predictCost>[0]): ProtocolCost {
  const { rounds, bytesSent, bytesDealt } = predictCost(plan, PROTOCOLS[name], 1);
  const most = Math.max(...bytesSent);
  const networkMs = NETWORKS.map(({ oneWayMs, megabitsPerSecond }) => {
    return rounds * oneWayMs + (most * 8) / (megabitsPerSecond * 1000);
  });
  return { protocol: name, rounds, bytesSent, bytesDealt, networkMs };
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
