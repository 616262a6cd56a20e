/** `trivet share`: compiles a trained model and shares it among the three workers. */

import { classCount } from '@trivet/mpc-core';
import {
  compileModel,
  looksLikeMnist,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  openModelFile,
  PLAIN_INPUT_RANGE,
} from '@trivet/node';
import { PROTOCOL_NAMES, type ProtocolName } from '@trivet/shared-types';
import { Command, Option } from 'commander';
import { interruptible } from '../interrupt.js';
import { createProgress } from '../terminal/progress.js';
import { addKeyOptions, findKeys, type KeyOptions } from './key-options.js';
import {
  addClusterOption,
  addJsonOption,
  addModelOptions,
  addRevealOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type JsonOption,
  MODEL_ARGUMENT,
  type ModelOptions,
  protocolNames,
  type RevealOption,
  type TimeoutOption,
  wholeNumber,
} from './options.js';
import { withOwner } from './owner.js';
import { layerTable, nextStep } from './share-view.js';

interface ShareCommandOptions
  extends ClusterOption,
    JsonOption,
    KeyOptions,
    ModelOptions,
    RevealOption,
    TimeoutOption {
  readonly name: string;
  readonly modelVersion?: number;
  readonly preprocess?: 'mnist' | 'none';
  readonly protocol: readonly ProtocolName[];
}

export function shareCommand(): Command {
  const command = new Command('share')
    .description('split a trained model into shares, one for each worker; none of them learns the weights')
    .argument('<model>', MODEL_ARGUMENT)
    .requiredOption('--name <name>', 'name of the model')
    .option('--model-version <number>', 'version; one more than the last unless told', wholeNumber(1))
    .addOption(
      new Option(
        '--preprocess <kind>',
        'what pictures go through: as MNIST was made, divided by 255, or nothing; mnist for 784 inputs unless told',
      ).choices(['mnist', 'none']),
    )
    .option(
      '--protocol <names>',
      'the protocols that may run it, with commas in between; `trivet serve` uses the first unless told',
      protocolNames,
      [...PROTOCOL_NAMES],
    )
    .addHelpText(
      'after',
      examples(
        'trivet share model.h5 --name mnist',
        'trivet share tfjs/model.json --name mnist',
        'trivet share model.h5 --name mnist --reveal label',
        'trivet share model.h5.sealed --name mnist --key-file model.key',
        'trivet share saved_models/half_plus_two --name half --input-range -100:100',
        'trivet share model.h5 --name mnist --fractional-bits 12',
      ),
    );
  addRevealOption(
    command,
    'what clients receive: logits; label, the class of the largest alone; or top-K, the K largest classes in order',
  );
  addTimeoutOption(addJsonOption(addClusterOption(addKeyOptions(addModelOptions(command)))), 120);
  return command.action((file: string, options: ShareCommandOptions) =>
    interruptible((signal) => share(file, options, signal)),
  );
}

async function share(file: string, options: ShareCommandOptions, signal: AbortSignal): Promise<void> {
  const imported = await openModelFile(file, { ...options, keys: await findKeys(options) });
  const isMnist =
    options.preprocess === undefined
      ? looksLikeMnist(imported.graph.inputShape)
      : options.preprocess === 'mnist';
  const inputRange = options.inputRange ?? (isMnist ? MNIST_INPUT_RANGE : PLAIN_INPUT_RANGE);
  const { compiled, signature } = await compileModel(file, imported, inputRange, {
    reveal: options.reveal,
    fractionalBits: options.fractionalBits,
  });
  if (!options.json) console.log(`${layerTable(compiled)}\n`);
  const progress = createProgress('Uploading', 'bytes');
  const timeoutMs = options.timeout * 1000;
  const { model, next } = await withOwner(options.cluster, { signal, timeoutMs }, async (owner) => {
    const model = await owner.share(
      {
        name: options.name,
        ...(options.modelVersion === undefined ? {} : { version: options.modelVersion }),
        compiled,
        preprocessing: isMnist ? MNIST_PREPROCESSING : null,
        signature,
        inputRange,
        labels: isMnist && classCount(compiled.plan) === MNIST_CLASSES.length ? [...MNIST_CLASSES] : null,
        protocols: options.protocol,
      },
      { signal, timeoutMs, onProgress: (done, total) => progress.update(done, total) },
    );
    // It is shared, whatever becomes of this question.
    const all = await owner.models({ signal, timeoutMs }).catch(() => []);
    const versions = all.filter(({ name }) => name === model.name);
    return { model, next: nextStep(model, versions) };
  }).finally(() => progress.end());
  const { name, version, digest } = model;
  if (options.json) console.log(JSON.stringify({ name, version, digest, manifest: model.manifest }));
  else console.log(`Shared model "${name}", version ${version}, digest ${digest.slice(0, 12)}. ${next}`);
}
