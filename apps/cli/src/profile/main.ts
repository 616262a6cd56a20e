#!/usr/bin/env node
/** `pnpm profile`: records CPU profiles of the three workers and their clients under load and says where the time goes. */
import { access, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { compileModelFile, MNIST_INPUT_RANGE } from '@trivet/node';
import { TrivetError } from '@trivet/shared-types';
import { Command } from 'commander';
import { MODEL_NAME, type ServingCluster, startServing } from '../bench/cluster.js';
import { defaultModel } from '../bench/default-model.js';
import { LoadProcess } from '../bench/load/start-load.js';
import { addProtocolOption, type ProtocolOption, wholeNumber } from '../commands/options.js';
import { interruptible } from '../interrupt.js';
import { runProgram } from '../program.js';
import { formatTable } from '../terminal/table.js';
import { analyseProfile, type ProfileTimes } from './categories.js';

interface Options extends ProtocolOption {
  readonly model: string;
  readonly clients: number;
  readonly requestSize: number;
  readonly seconds: number;
  readonly functions: number;
  readonly out?: string;
}

const WARM_UP_MS = 4000;
const WRITE_TIMEOUT_MS = 20_000;
const HOOK = new URL('../../dist/profile/hook.js', import.meta.url);

/** Records the three workers and their clients over the same seconds of load; the profiles in this order. */
async function record(
  options: Options,
  { cluster, local }: ServingCluster,
  directory: string,
  signal: AbortSignal,
): Promise<{
  readonly profiles: readonly ProfileTimes[];
  readonly digits: number;
  readonly perSecond: number;
}> {
  const pids = local.workers.map(({ pid }) => pid!);
  let clients: number | undefined;
  const toggle = async (clientsPid: number) => {
    clients = clientsPid;
    for (const pid of [...pids, clients]) process.kill(pid, 'SIGUSR2');
    // The clients' process ends with the load: it must have written its profile.
    if (recording) await readWhenWritten(join(directory, `${clients}.cpuprofile`));
    recording = !recording;
  };
  let recording = false;
  const order = {
    cluster,
    model: MODEL_NAME,
    clients: options.clients,
    requestSize: options.requestSize,
    warmUpMs: WARM_UP_MS,
    measureMs: options.seconds * 1000,
  };
  const load = new LoadProcess(signal);
  const { digits, seconds: measured } = await load.run(order, toggle, toggle).finally(() => load.close());
  const profiles = await Promise.all(
    [...pids, clients].map(async (pid) => {
      return analyseProfile(JSON.parse(await readWhenWritten(join(directory, `${pid}.cpuprofile`))));
    }),
  );
  return { profiles, digits, perSecond: digits / measured };
}

/** A profile is written synchronously by its worker: once it parses, it is whole. */
async function readWhenWritten(file: string): Promise<string> {
  for (const start = performance.now(); performance.now() - start < WRITE_TIMEOUT_MS; await pause(100)) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    const text = exists ? await readFile(file, 'utf8') : '';
    if (text.endsWith('}')) return text;
  }
  throw new TrivetError('DEADLINE_EXCEEDED', `No profile was written to ${file}.`);
}

function printProfiles(
  names: readonly string[],
  profiles: readonly ProfileTimes[],
  digits: number,
  top: number,
) {
  const perDigit = (ms: number) => (ms / digits).toFixed(3);
  const all = new Set(profiles.flatMap(({ categories }) => categories.map(({ category }) => category)));
  const timeOf = (profile: ProfileTimes, category: string) =>
    profile.categories.find((one) => one.category === category)?.ms ?? 0;
  const busy = ({ totalMs, idleMs }: ProfileTimes) => totalMs - idleMs;
  const largest = (category: string) => Math.max(...profiles.map((profile) => timeOf(profile, category)));
  const rows = [...all]
    .sort((left, right) => largest(right) - largest(left))
    .map((category) => [
      category,
      ...profiles.flatMap((profile) => {
        const ms = timeOf(profile, category);
        return [perDigit(ms), `${((100 * ms) / busy(profile)).toFixed(0)} %`];
      }),
    ]);
  rows.push(['busy', ...profiles.flatMap((profile) => [perDigit(busy(profile)), '100 %'])]);
  rows.push(['idle', ...profiles.flatMap((profile) => [perDigit(profile.idleMs), ''])]);
  console.log(formatTable(['ms a digit', ...names.flatMap((name) => [name, ''])], rows));
  profiles.forEach((profile, index) => {
    console.log(`\n${names[index]}: functions by their own time`);
    const lines = profile.functions
      .slice(0, top)
      .map(({ name, category, ms }) => [
        perDigit(ms),
        `${((100 * ms) / busy(profile)).toFixed(1)} %`,
        category,
        name,
      ]);
    console.log(formatTable(['ms a digit', 'of busy', 'category', 'function'], lines));
  });
}

const program = new Command('profile')
  .description(
    'Record CPU profiles of three real workers under load, and of their clients, and print where the time goes, by\n' +
      'category and by function.',
  )
  .option('--model <file>', 'Keras HDF5 (.h5), or model.json of a TensorFlow.js layers model', defaultModel())
  .option('--clients <number>', 'clients, each with one request open', wholeNumber(1, 64), 1)
  .option('--request-size <number>', 'digits in a request', wholeNumber(1, 1000), 1)
  .option('--seconds <number>', 'length of the recording', wholeNumber(1, 120), 8)
  .option('--functions <number>', 'functions to print for each process', wholeNumber(0, 200), 15)
  .option('--out <directory>', 'keep the .cpuprofile files there, for the developer tools of a browser')
  .exitOverride();

addProtocolOption(program, 'how the workers compute; replicated unless told').action((options: Options) =>
  interruptible(async (signal) => {
    const kept = options.out === undefined ? undefined : resolve(options.out);
    if (kept !== undefined) await mkdir(kept, { recursive: true });
    const directory = kept ?? (await mkdtemp(join(tmpdir(), 'trivet-profile-')));
    process.env.TRIVET_PROFILE_DIRECTORY = directory;
    process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${pathToFileURL(HOOK.pathname)}`;
    const { compiled } = await compileModelFile(options.model, MNIST_INPUT_RANGE);
    const serving = await startServing({
      compiled,
      rttMs: 0,
      signal,
      onCrash: ({ name, lastWords }) => console.error(`Worker ${name} ended: ${lastWords}`),
    });
    try {
      if (options.protocol !== undefined) await serving.serve(options.protocol);
      console.error(`profile: ${options.clients} clients, ${options.requestSize} digits a request …`);
      const { profiles, digits, perSecond } = await record(options, serving, directory, signal);
      console.log(
        `${digits} digits, ${perSecond.toFixed(0)} a second while profiling (the profiler slows them).\n`,
      );
      const names = [...serving.cluster.workers.map(({ name }) => name), 'clients'];
      printProfiles(names, profiles, digits, options.functions);
      if (kept !== undefined) console.log(`\nThe profiles are in ${kept}.`);
    } finally {
      await serving.stop();
      if (kept === undefined) await rm(directory, { recursive: true, force: true });
    }
  }),
);

process.exitCode = await runProgram(program, process.argv.slice(2));
