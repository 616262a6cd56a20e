/** `trivet keys`: keys of encrypted models, of the workers' stores, and of their sealed messages. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  generateKey,
  KeyRing,
  keyId,
  lockKeyFile,
  printKeyRing,
  readKeyId,
  readKeyRing,
  SealError,
  writeKeyRing,
} from '@trivet/at-rest';
import { modelFiles, type OnProgress, resealModel } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { interruptible } from '../interrupt.js';
import { createProgress } from '../terminal/progress.js';
import { formatTable } from '../terminal/table.js';
import { addJsonOption, addTimeoutOption, examples, type JsonOption, type TimeoutOption } from './options.js';

export function keysCommand(): Command {
  return new Command('keys')
    .description("make, list and rotate the keys of encrypted models and of a worker's store and messages")
    .addCommand(generateCommand())
    .addCommand(listCommand())
    .addCommand(rotateCommand())
    .addCommand(sealingCommand())
    .addHelpText(
      'after',
      examples('trivet keys generate model.key', 'trivet keys rotate --config alice/alice.json'),
    );
}

function generateCommand(): Command {
  return new Command('generate')
    .description('write a new key into a new file that only you may read')
    .argument('<file>', 'the key file; it must not exist')
    .addHelpText('after', examples('trivet keys generate model.key'))
    .action(async (file: string) => {
      const key = generateKey();
      await writeFile(file, printKeyRing([key]), { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw new TrivetError('ALREADY_EXISTS', `${file} exists already; a key that is overwritten is lost.`);
      });
      console.log(
        `Wrote the key ${keyId(key)} to ${file}. Without it, what it encrypts is lost: keep a copy apart.`,
      );
    });
}

function listCommand(): Command {
  const command = new Command('list')
    .description('list the keys of a file by their ids, and how many files each of them encrypts')
    .argument('<file>', 'the key file')
    .argument('[models...]', 'encrypted models, or the folder of a store')
    .addHelpText(
      'after',
      examples('trivet keys list model.key', 'trivet keys list alice/store.key alice/store'),
    );
  return addJsonOption(command).action(
    async (file: string, models: readonly string[], options: JsonOption) => {
      const keys = await readKeyRing(file);
      const counts = new Map(keys.map((key) => [keyId(key), 0]));
      for (const path of await sealedFiles(models, KeyRing.ofKeys(keys))) {
        const id = await readKeyId(path);
        counts.set(id, (counts.get(id) ?? 0) + 1);
      }
      const known = new Set(keys.map(keyId));
      const rows = [...counts].map(([id, files], index) => {
        const role = !known.has(id) ? 'not in this file' : index === 0 ? 'current' : 'older';
        return { id, role, files };
      });
      const cells = rows.map(({ id, role, files }) => [id, role, ...(models.length > 0 ? [files] : [])]);
      const heads = ['KEY', 'ROLE', ...(models.length > 0 ? ['FILES'] : [])];
      console.log(options.json ? JSON.stringify(rows) : formatTable(heads, cells));
    },
  );
}

interface RotateCommandOptions extends TimeoutOption {
  readonly config?: string;
  readonly keyFile?: string;
}

function rotateCommand(): Command {
  const command = new Command('rotate')
    .description(
      "make a new key and encrypt a worker's store, or models, anew with it; a running worker goes on serving",
    )
    .argument('[models...]', 'with --key-file: the encrypted models')
    .option('--config <file>', "a worker's configuration: its store; the old key is removed at the end")
    .option('--key-file <file>', 'a key file: the models; the old key stays in it, behind the new one')
    .addHelpText(
      'after',
      examples(
        'trivet keys rotate --config alice/alice.json',
        'trivet keys rotate --key-file model.key model.h5.sealed',
      ),
    );
  return addTimeoutOption(command, 60).action((models: readonly string[], options: RotateCommandOptions) =>
    interruptible(async (signal) => {
      const { config, keyFile, timeout } = options;
      if ((config === undefined) === (keyFile === undefined) || (config !== undefined && models.length > 0)) {
        throw new TrivetError('INVALID_ARGUMENT', "Name a worker's --config, or a --key-file and models.");
      }
      if (config !== undefined) await rotateStore(config, timeout * 1000, signal);
      else await rotateModels(keyFile!, models);
    }),
  );
}

async function rotateStore(file: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  // Loaded only here: the service and its dependencies would slow every other command's start.
  const { loadWorkerConfig, rotateStoreKeys } = await import('@trivet/workers');
  const config = await loadWorkerConfig(file);
  const { keyId: id, byWorker } = await rotateStoreKeys(config, { timeoutMs, signal });
  const how = byWorker ? ', by the running worker' : '';
  console.log(`The store of ${config.name} is encrypted with the new key ${id}${how}; the old key is gone.`);
}

async function rotateModels(file: string, models: readonly string[]): Promise<void> {
  if (models.length === 0) throw new TrivetError('INVALID_ARGUMENT', 'Name the encrypted models.');
  const unlock = await lockKeyFile(file);
  try {
    const older = await readKeyRing(file);
    // What is at hand must open the models before a new key is added.
    const known = new Set(older.map(keyId));
    for (const path of await sealedFiles(models, KeyRing.ofKeys(older))) {
      const id = await readKeyId(path);
      if (!known.has(id))
        throw new SealError('WRONG_KEY', `${path} is encrypted with the key ${id}, not in ${file}.`);
    }
    const keys = [generateKey(), ...older];
    await writeKeyRing(file, keys);
    const ring = KeyRing.ofKeys(keys);
    let files = 0;
    for (const model of models) {
      const progress = createProgress('Encrypting', 'bytes');
      const onProgress: OnProgress = (done, total) => progress.update(done, total);
      files += (await resealModel(ring, model, onProgress).finally(() => progress.end())).files.length;
    }
    const count = files === 1 ? '1 file is' : `${files} files are`;
    console.log(
      `${count} encrypted with the new key ${ring.ids[0]}; the old one stays in ${file} for what was not named.`,
    );
  } finally {
    await unlock();
  }
}

interface SealingCommandOptions extends JsonOption {
  readonly config: string;
}

function sealingCommand(): Command {
  const command = new Command('sealing')
    .description(
      "make a worker's key for sealed messages, unless it has one, and print the public part for the cluster's owner",
    )
    .requiredOption('--config <file>', "the worker's configuration; run this where the worker runs")
    .addHelpText('after', examples('trivet keys sealing --config alice/alice.json'));
  return addJsonOption(command).action(async (options: SealingCommandOptions) => {
    const { loadWorkerConfig, keepOrMakeSealingKey } = await import('@trivet/workers');
    const { name, client } = await loadWorkerConfig(options.config);
    const { publicKey, isNew } = await keepOrMakeSealingKey(client.sealingKey);
    if (options.json) {
      console.log(JSON.stringify({ name, file: client.sealingKey, publicKey, isNew }));
      return;
    }
    const found = isNew ? `Made ${client.sealingKey}.` : `${client.sealingKey} was there and stays.`;
    console.error(
      `${found} It never leaves this machine. Tell the cluster's owner its public part, over a channel where nobody can change it:`,
    );
    console.log(`${name}=${publicKey}`);
  });
}

async function sealedFiles(models: readonly string[], ring: KeyRing): Promise<string[]> {
  const paths: string[] = [];
  for (const model of models) {
    const { root, files } = await modelFiles(model, ring);
    paths.push(...files.map((file) => join(root, file)));
  }
  return paths;
}
