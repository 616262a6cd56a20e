#!/usr/bin/env node
/** Entry point of `pnpm bench`. */
import { writeFile } from 'node:fs/promises';
import type { Reveal } from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';
import { createProtocols } from '@trivet/workers';
import { tuneV8 } from '@trivet/workers/tune-v8';
import { Command, Option } from 'commander';
import { protocolNames, revealed, wholeNumber } from '../commands/options.js';
import { EXIT_CODES_HELP } from '../exit-codes.js';
import { interruptible } from '../interrupt.js';
import { runProgram } from '../program.js';
import { bench } from './bench.js';
import { defaultModel } from './default-model.js';
import { formatOverload, overload } from './overload.js';
import { quickReport } from './report.js';
import { FULL, OVERLOAD_SECONDS, QUICK, QUICK_FURTHER, SOAK_POINTS } from './settings.js';
import { formatReport } from './table.js';

interface Options {
  readonly model: string;
  readonly protocol: readonly ProtocolName[];
  readonly rtt: number;
  readonly reveal: Reveal;
  readonly quick?: true;
  readonly predict?: true;
  readonly soak?: true;
  readonly unpinned?: true;
  readonly overload?: true;
  readonly throttling: boolean;
  readonly json?: true;
  readonly out?: string;
}

const program = new Command('bench')
  .description(
    'Measure private predictions by three real worker processes over mutual TLS, and the same model in plaintext.\n' +
      'docs/benchmarks.md says what each figure means. Close other programs first: two cores are soon busy.',
  )
  .option('--model <file>', 'Keras HDF5 (.h5), or model.json of a TensorFlow.js layers model', defaultModel())
  .option(
    '--protocol <names>',
    'how the workers compute: one or more, with commas in between, one after the other',
    protocolNames,
    Object.keys(createProtocols()) as ProtocolName[],
  )
  .option(
    '--rtt <ms>',
    'round-trip time between workers and to clients, by a delaying relay',
    wholeNumber(0, 2000),
    0,
  )
  .addOption(
    new Option('--reveal <what>', 'what the workers answer with: logits, label, or top-K')
      .argParser(revealed)
      .default('logits'),
  )
  .option('--quick', 'the main figures only, in at most 50 seconds')
  .option('--predict', 'hold the cost model against what is measured; a full run does so anyway')
  .option('--soak', `also read the memory of the workers up to ${SOAK_POINTS.at(-1)} digits`)
  .option('--unpinned', 'let the system place the evaluators; else, with two or three cores, each has one')
  .option('--overload', 'instead of all that: load at up to four times what the workers can answer; 3 min')
  .option('--no-throttling', 'with --overload: clients that send all they are asked, however much is refused')
  .option('--json', 'end standard output with one line of JSON, and print nothing else there')
  .option('--out <file>', 'also write the whole report to a file, as JSON')
  .addHelpText('after', EXIT_CODES_HELP)
  .exitOverride()
  .action((options: Options) =>
    interruptible(async (signal) => {
      const onStage = (what: string) => console.error(`bench: ${what} …`);
      if (options.overload) {
        const [protocol] = options.protocol as [ProtocolName];
        const { model, throttling } = options;
        const seconds = OVERLOAD_SECONDS;
        const report = await overload({ model, protocol, seconds, throttling, signal, onStage });
        if (options.out !== undefined) await writeFile(options.out, `${JSON.stringify(report, null, 2)}\n`);
        console.log(options.json ? JSON.stringify(report) : formatOverload(report));
        return;
      }
      const base = options.quick ? QUICK : FULL;
      const report = await bench({
        model: options.model,
        protocols: options.protocol,
        rttMs: options.rtt,
        reveal: options.reveal,
        quick: options.quick ?? false,
        evaluatorsApart: !options.unpinned,
        settings: {
          ...base,
          estimates: options.predict ?? base.estimates,
          soak: options.soak ? SOAK_POINTS : [],
        },
        furtherSettings: options.quick ? QUICK_FURTHER : FULL,
        signal,
        onStage,
      });
      if (options.out !== undefined) await writeFile(options.out, `${JSON.stringify(report, null, 2)}\n`);
      if (!options.json) console.log(formatReport(report));
      else console.log(JSON.stringify(options.quick ? quickReport(report) : report));
    }),
  );

tuneV8();
process.exitCode = await runProgram(program, process.argv.slice(2));
