/** `trivet encrypt` and `trivet decrypt`: a model's files, at rest. */
import { decryptModel, encryptModel, type OnProgress } from '@trivet/node';
import { Command } from 'commander';
import { createProgress } from '../terminal/progress.js';
import { addKeyOptions, type KeyOptions, requireKeys } from './key-options.js';
import { addJsonOption, examples, type JsonOption } from './options.js';

interface SealCommandOptions extends KeyOptions, JsonOption {
  readonly out: string;
}

export function encryptCommand(): Command {
  const command = new Command('encrypt')
    .description(
      "encrypt a model's files, weights included, into another place; `trivet share` reads them as they are",
    )
    .addHelpText(
      'after',
      examples(
        'trivet keys generate model.key',
        'trivet encrypt model.h5 --out model.h5.sealed --key-file model.key',
        'trivet encrypt saved_model --out saved_model.sealed --passphrase',
        'trivet share saved_model.sealed --name mnist --passphrase',
      ),
    );
  return sealing(command, 'Encrypt', async (model, { out, ...options }, onProgress) =>
    encryptModel(await requireKeys(options, true), model, out, onProgress),
  );
}

export function decryptCommand(): Command {
  const command = new Command('decrypt')
    .description('decrypt what `trivet encrypt` has written, into another place')
    .addHelpText('after', examples('trivet decrypt model.h5.sealed --out model.h5 --key-file model.key'));
  return sealing(command, 'Decrypt', async (model, { out, ...options }, onProgress) =>
    decryptModel(await requireKeys(options), model, out, onProgress),
  );
}

function sealing(
  command: Command,
  verb: 'Encrypt' | 'Decrypt',
  work: (
    model: string,
    options: SealCommandOptions,
    onProgress: OnProgress,
  ) => Promise<{ readonly path: string; readonly files: readonly string[] }>,
): Command {
  command
    .argument(
      '<model>',
      'a file, a folder, or the model.json of a TensorFlow.js model with its weights beside it',
    )
    .requiredOption('--out <path>', 'where to; it must not exist');
  addJsonOption(addKeyOptions(command));
  return command.action(async (model: string, options: SealCommandOptions) => {
    const progress = createProgress(`${verb}ing`, 'bytes');
    const onProgress: OnProgress = (done, total) => progress.update(done, total);
    const { path, files } = await work(model, options, onProgress).finally(() => progress.end());
    const count = files.length === 1 ? '1 file' : `${files.length} files`;
    console.log(options.json ? JSON.stringify({ path, files }) : `${verb}ed ${count} into ${path}.`);
  });
}
