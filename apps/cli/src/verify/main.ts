#!/usr/bin/env node
import type { Reveal } from '@trivet/mpc-core';
import { TEST_IMAGES } from '@trivet/node';
/** Entry point of `pnpm verify`. */
import { PROTOCOL_NAMES, type ProtocolName } from '@trivet/shared-types';
import { Command, Option } from 'commander';
import { revealed, wholeNumber } from '../commands/options.js';
import { EXIT_CODES_HELP } from '../exit-codes.js';
import { interruptible } from '../interrupt.js';
import { runProgram } from '../program.js';
import { createProgress } from '../terminal/progress.js';
import { brokenBounds, CLEAR_MARGIN, MAX_ACCURACY_DIFFERENCE, MAX_LOGIT_ERROR } from './report.js';
import { verify } from './verify.js';

interface Options {
  readonly model: string;
  readonly count: number;
  readonly batch: number;
  readonly protocol: ProtocolName;
  readonly reveal: Reveal;
  readonly json?: true;
}

const program = new Command('verify')
  .description(
    'Classify MNIST test images with three real worker processes and in plaintext float, and compare.\n' +
      'The last line of standard output is JSON: {"count", "accuracy", "plaintextAccuracy", "classMismatches", "maxLogitError"}.',
  )
  .requiredOption('--model <file>', 'Keras HDF5 (.h5), or model.json of a TensorFlow.js layers model')
  .option('--count <number>', 'the first so many test images', wholeNumber(1, TEST_IMAGES), TEST_IMAGES)
  .option('--batch <number>', 'images per request', wholeNumber(1, 1000), 100)
  .addOption(
    new Option('--protocol <name>', 'how the workers compute').choices(PROTOCOL_NAMES).default('replicated'),
  )
  .addOption(
    new Option('--reveal <what>', 'what the workers answer with: logits, label, or top-K')
      .argParser(revealed)
      .default('logits'),
  )
  .option('--json', 'print nothing but the JSON line on standard output')
  .addHelpText(
    'after',
    `\nFails when the accuracies differ by more than ${MAX_ACCURACY_DIFFERENCE} (one image, where that is more), when an image` +
      `\nwhose two highest plaintext logits are more than ${CLEAR_MARGIN} apart changes its class, or when a logit is more` +
      `\nthan ${MAX_LOGIT_ERROR} off.\n${EXIT_CODES_HELP}`,
  )
  .exitOverride()
  .action((options: Options) =>
    interruptible(async (signal) => {
      const bars = {
        private: createProgress('Private  ', 'images'),
        plaintext: createProgress('Plaintext', 'images'),
      };
      const start = performance.now();
      const report = await verify({
        ...options,
        signal,
        onProgress: (stage, done, total) => {
          bars[stage].update(done, total);
          if (done === total) bars[stage].end();
        },
      });
      const broken = brokenBounds(report);
      for (const sentence of broken) console.error(`verify: ${sentence}`);
      if (!options.json) {
        const seconds = ((performance.now() - start) / 1000).toFixed(1);
        console.log(
          `${report.count} images in ${seconds} s: ${broken.length === 0 ? 'within' : 'out of'} bounds.`,
        );
      }
      console.log(JSON.stringify(report));
      if (broken.length > 0) process.exitCode = 1;
    }),
  );

process.exitCode = await runProgram(program, process.argv.slice(2));
