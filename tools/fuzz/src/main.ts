/**
 * The program: `pnpm fuzz [--seconds N] [--only NAME] [--seed S]`. Ends with a table, one JSON line, and the exit code 1 when
 * anything was found.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readFinding, saveFinding } from './crashes.js';
import type { FuzzResult } from './fuzz-target.js';
import { Oracle } from './oracle.js';
import { formatResults, summaryJson, type Totals } from './report.js';
import { CATALOGUE, loadTarget } from './targets/index.js';
import { Fuzzer } from './threads/fuzzer.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const THREAD = new URL('../thread.mjs', import.meta.url);
const DEFAULT_SECONDS = 120;

const USAGE = `Usage: pnpm fuzz [options]

  --seconds N      of fuzzing in all, the same for each decoder (default ${DEFAULT_SECONDS}); to load them comes on top
  --only NAME      this decoder; several: --only A --only B
  --seed S         a whole number: the same one changes inputs in the same way (default: the time)
  --crashes DIR    where inputs that are found go (default test-results/fuzz)
  --no-coverage    change valid inputs only, whatever code they reach
  --list           the decoders
  --replay FILE    runs one saved input again
`;

export async function main(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await run(args);
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    process.exitCode = 64;
  }
  // What a target has left open must not keep the program.
  process.exit();
}

class WrongUse extends Error {}

async function run(args: readonly string[]): Promise<number> {
  const values = optionsOf(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (values.list) {
    for (const [name, { what }] of CATALOGUE) process.stdout.write(`${name.padEnd(22)} ${what}\n`);
    return 0;
  }
  if (values.replay !== undefined) return replay(values.replay);
  const targets = chosen(values.only ?? []);
  const seconds = whole(values.seconds, '--seconds') ?? DEFAULT_SECONDS;
  const seed = whole(values.seed, '--seed') ?? Date.now() % 2 ** 31;
  return fuzzAll(targets, seconds, seed, !values['no-coverage'], resolve(values.crashes));
}

function optionsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: args.filter((arg) => arg !== '--'),
      options: {
        seconds: { type: 'string' },
        only: { type: 'string', multiple: true },
        seed: { type: 'string' },
        crashes: { type: 'string', default: join(ROOT, 'test-results/fuzz') },
        'no-coverage': { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        replay: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new WrongUse((error as Error).message);
  }
}

function whole(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new WrongUse(`${option} takes a whole number.`);
  return Number(text);
}

function chosen(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !CATALOGUE.has(name));
  if (unknown !== undefined) throw new WrongUse(`There is no decoder "${unknown}"; --list shows them.`);
  return names.length === 0 ? [...CATALOGUE.keys()] : names;
}

async function fuzzAll(
  targets: readonly string[],
  seconds: number,
  seed: number,
  coverage: boolean,
  folder: string,
): Promise<number> {
  const maxMs = (1_000 * seconds) / targets.length;
  process.stdout.write(`${targets.length} decoders, ${Math.round(maxMs)} ms each, seed ${seed}.\n`);
  const fuzzer = new Fuzzer(THREAD);
  const results: FuzzResult[] = [];
  const saving: Promise<void>[] = [];
  const start = performance.now();
  try {
    let group = -1;
    for (const [index, name] of targets.entries()) {
      // Coverage costs more the more code is loaded.
      if (CATALOGUE.get(name)!.group !== group) await fuzzer.close();
      group = CATALOGUE.get(name)!.group;
      const line = (result: FuzzResult) => `${index + 1}/${targets.length} ${progressOf(result)}`;
      const result = await fuzzer.fuzz(
        { target: name, seed, maxMs, maxCases: Number.POSITIVE_INFINITY, coverage },
        {
          onProgress: (progress) => showProgress(line(progress)),
          onFinding: (finding) => {
            clearProgress();
            const save = saveFinding(folder, finding, { seed, coverage }).then((file) => {
              process.stdout.write(`${name}: ${finding.what}\n  pnpm fuzz --replay ${file}\n`);
            });
            saving.push(save);
          },
        },
      );
      clearProgress();
      process.stdout.write(`${line(result)}\n`);
      results.push(result);
    }
  } finally {
    await fuzzer.close();
  }
  await Promise.all(saving);
  const totals: Totals = { seed, seconds: (performance.now() - start) / 1000, results };
  process.stdout.write(`\n${formatResults(totals)}\n${summaryJson(totals)}\n`);
  return results.some(({ findings }) => findings > 0) ? 1 : 0;
}

function progressOf({ target, cases, accepted, corpus, functions, findings, seconds }: FuzzResult): string {
  const speed = Math.round(cases / Math.max(seconds, 0.001));
  return `${target}: ${cases} cases, ${speed}/s, ${accepted} accepted, corpus ${corpus}, ${functions} functions, ${findings} found`;
}

function showProgress(line: string): void {
  if (process.stderr.isTTY)
    process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

async function replay(file: string): Promise<number> {
  const { target: name, input } = await readFinding(file);
  const target = await loadTarget(chosen([name])[0]!);
  const prepared = await target.prepare();
  const { finding, accepted, milliseconds } = await new Oracle(target, prepared).judge(input);
  const outcome = finding?.what ?? (accepted ? 'is accepted' : 'is refused, as it should be');
  process.stdout.write(`${name}, ${input.length} bytes, ${milliseconds.toFixed(1)} ms: ${outcome}\n`);
  if (finding !== null) {
    try {
      await prepared.run(input);
    } catch (error) {
      process.stdout.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    }
  }
  return finding === null ? 0 : 1;
}
