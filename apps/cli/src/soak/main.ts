#!/usr/bin/env node
/** Entry point of `pnpm soak`. */
import { randomInt } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { PROTOCOL_NAMES, type ProtocolName } from '@trivet/shared-types';
import { Command, Option } from 'commander';
import { defaultModel } from '../bench/default-model.js';
import { positiveNumber, wholeNumber } from '../commands/options.js';
import { EXIT_CODES_HELP } from '../exit-codes.js';
import { interruptible } from '../interrupt.js';
import { refusedTotal } from '../load/tally.js';
import { runProgram } from '../program.js';
import { brokenBounds, formatSoak, jsonLine } from './report.js';
import { soak } from './soak.js';

interface Options {
  readonly minutes: number;
  readonly seed?: number;
  readonly protocol: ProtocolName;
  readonly model: string;
  readonly second: string;
  readonly json?: true;
}

const OWN_MODEL = fileURLToPath(new URL('../../../../models/mnist/model.json', import.meta.url));

const program = new Command('soak')
  .description(
    'Load three real worker processes at half of what they can do, with a fault every 20 seconds, and check every answer.\n' +
      'docs/operations.md tells of the faults. The last line of standard output is JSON.',
  )
  .option(
    '--minutes <number>',
    'how long, after the start and the measurement of the capacity',
    positiveNumber,
    30,
  )
  .option('--seed <number>', 'chooses the faults and the requests; a random one unless told', wholeNumber(0))
  .addOption(
    new Option('--protocol <name>', 'how the workers compute').choices(PROTOCOL_NAMES).default('replicated'),
  )
  .option('--model <file>', 'version 1 of the model, for images of 28 x 28 pixels', defaultModel())
  .option('--second <file>', 'version 2; the owner switches between them', OWN_MODEL)
  .option('--json', 'print nothing but the JSON line on standard output')
  .addHelpText(
    'after',
    '\nFails when an answer is wrong, a request hangs, a worker ends by itself, nothing is answered within 30 seconds of a\n' +
      `fault's end, a worker still holds requests in the end, or its memory has grown by more than 10 % since minute five.\n${EXIT_CODES_HELP}`,
  )
  .exitOverride()
  .action((options: Options) =>
    interruptible(async (signal) => {
      const report = await soak({
        files: [options.model, options.second],
        minutes: options.minutes,
        seed: options.seed ?? randomInt(2 ** 31 - 1),
        protocol: options.protocol,
        signal,
        onStage: (what) => console.error(`soak: ${what} …`),
        onProgress: ({ seconds, ofSeconds, tally, fault }) => {
          const worst = `${tally.wrong} wrong, ${tally.hung} hung`;
          const last = fault === null ? '' : `; ${fault.kind}`;
          console.error(
            `soak: ${clock(seconds)} of ${clock(ofSeconds)}: ${tally.right} right, ${refusedTotal(tally)} refused, ${worst}${last}`,
          );
        },
      });
      const broken = brokenBounds(report);
      if (!options.json) console.log(formatSoak(report));
      for (const sentence of broken) console.error(`soak: ${sentence}`);
      console.log(JSON.stringify(jsonLine(report)));
      if (broken.length > 0) process.exitCode = 1;
    }),
  );

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

process.exitCode = await runProgram(program, process.argv.slice(2));
