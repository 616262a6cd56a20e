/** `trivet predict`: classifies MNIST test images, or a picture, privately. */
import { type Prediction, PredictionClient } from '@trivet/client';
import { loadTestImages, readCluster, TEST_IMAGES, toModelInputs } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command, InvalidArgumentError, Option } from 'commander';
import { interruptible } from '../interrupt.js';
import { createProgress } from '../terminal/progress.js';
import {
  addClusterOption,
  addJsonOption,
  addProtocolOption,
  addTimeoutOption,
  addVersionOptions,
  type ClusterOption,
  examples,
  type JsonOption,
  type ProtocolOption,
  type TimeoutOption,
  type VersionOption,
  wholeNumber,
} from './options.js';
import { addTokenOptions, findToken, type TokenOptions } from './token-options.js';

interface PredictCommandOptions
  extends ClusterOption,
    JsonOption,
    VersionOption,
    ProtocolOption,
    TokenOptions,
    TimeoutOption {
  readonly mnist?: readonly number[];
  readonly index?: number;
  readonly count: number;
  readonly retries: number;
}

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('classify MNIST test images with a model that is served; no worker sees them')
    .argument('<name>', 'name of the model')
    .addOption(
      new Option('--mnist <digits>', 'the first test image of a digit, for example 7, or of several: 0..9')
        .argParser(parseDigits)
        .conflicts('index'),
    )
    .option('--index <number>', 'the test image with this number, from 0', wholeNumber(0, TEST_IMAGES - 1))
    .option('--count <number>', 'with --index: so many images from there on', wholeNumber(1, TEST_IMAGES), 1)
    .option('--retries <number>', 'try again so often when a worker is lost or full', wholeNumber(0, 100), 0)
    .addHelpText(
      'after',
      examples('trivet predict mnist --mnist 7', 'trivet predict mnist --index 0 --count 3 --json'),
    );
  addVersionOptions(command);
  addProtocolOption(command, 'how the workers compute; the one that the model is served with unless told');
  addTimeoutOption(addJsonOption(addClusterOption(addTokenOptions(command))), 60);
  return command.action((name: string, options: PredictCommandOptions) =>
    interruptible((signal) => predict(name, options, signal)),
  );
}

async function predict(name: string, options: PredictCommandOptions, signal: AbortSignal): Promise<void> {
  if (options.mnist === undefined && options.index === undefined) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      'Say which images to classify: --mnist <digits> or --index <number>.',
    );
  }
  const { workers, clusterId, ownerKey } = await readCluster(options.cluster);
  const token = await findToken(options);
  const client = await PredictionClient.connect({ workers, clusterId, ownerKey, token, signal });
  const progress = createProgress('Classifying', 'images');
  try {
    const choice = { version: options.modelVersion, label: options.label };
    const model = await client.model(name, { signal, ...choice });
    const { mnist, divideBy } = await loadTestImages(model.manifest);
    const indices = chooseImages(options, mnist.labels);
    const prediction = await client.predict(name, toModelInputs(mnist, indices, divideBy), {
      ...choice,
      signal,
      timeoutMs: options.timeout * 1000,
      protocol: options.protocol ?? null,
      retry: { attempts: options.retries + 1 },
      onProgress: (done, total) => progress.update(done, total),
    });
    progress.end();
    const labels = indices.map((index) => mnist.labels[index]!);
    if (options.json) console.log(JSON.stringify(toJson(prediction, indices, labels)));
    else for (const sentence of sentences(prediction, labels)) console.log(sentence);
  } finally {
    progress.end();
    client.close();
  }
}

function chooseImages({ mnist: digits, index, count }: PredictCommandOptions, labels: Uint8Array): number[] {
  if (digits !== undefined) return digits.map((digit) => labels.indexOf(digit));
  const first = index ?? 0;
  return Array.from({ length: Math.min(count, labels.length - first) }, (_, offset) => first + offset);
}

function sentences(prediction: Prediction, labels: readonly number[]): string[] {
  return labels.map((label, position) => {
    const [found, ...next] = topOf(prediction, position);
    const how = found === label ? 'correctly' : 'incorrectly';
    const others = next.length === 0 ? '' : `, then ${next.join(', ')}`;
    return `The image had label ${label} and was ${how} classified as ${found}${others}`;
  });
}

/** The classes that are known of a sample, the best first: the ones that the model reveals, or the one of the largest logit. */
function topOf({ classes, topClasses, count }: Prediction, position: number): readonly number[] {
  if (topClasses === null) return [classes[position]!];
  const top = topClasses.length / count;
  return [...topClasses.subarray(position * top, (position + 1) * top)];
}

function toJson(prediction: Prediction, indices: readonly number[], labels: readonly number[]) {
  const { logits, probabilities, classes, count, model, version, protocol, reveal } = prediction;
  const { timings, compute, workers } = prediction;
  const row = (values: Float64Array, position: number) => {
    const width = values.length / count;
    return [...values.subarray(position * width, (position + 1) * width)];
  };
  return {
    model,
    version,
    protocol,
    reveal,
    images: indices.map((index, position) => ({
      index,
      label: labels[position],
      class: classes[position],
      ...(logits === null ? { topClasses: topOf(prediction, position) } : { logits: row(logits, position) }),
      ...(probabilities === null ? {} : { probabilities: row(probabilities, position) }),
    })),
    timings,
    compute,
    workers: workers.map(({ steps: _, ...report }) => report),
    sentBytes: prediction.sentBytes,
    receivedBytes: prediction.receivedBytes,
  };
}

function parseDigits(text: string): number[] {
  const match = /^(\d)(?:\.\.(\d))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || last < first)
    throw new InvalidArgumentError('It must be a digit, or a range such as 0..9.');
  return Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
}
