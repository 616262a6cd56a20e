/** The loop: change an input, run it, keep it when it has reached code that none reached before. */
import type { Coverage } from './coverage.js';
import { Mutator } from './mutate/mutate.js';
import { Choices } from './mutate/random.js';
import { type Finding, Oracle } from './oracle.js';
import { MAX_INPUT_BYTES, type PreparedTarget, type Target } from './target.js';

export interface FuzzOptions {
  readonly seed: number;
  /** Ends by whichever comes first. */
  readonly maxCases: number;
  readonly maxMs: number;
  /** Without it, every input stems from a valid one directly. */
  readonly coverage: Coverage | null;
  /** With fewer cases a second than this, it is fuzzed without coverage for most of the time; 0: never. 200 unless told. */
  readonly slowPerSecond?: number;
  /** Just before an input is run: what never returns is known by it. */
  readonly onCase?: (input: Uint8Array) => void;
  readonly onFinding?: (finding: Finding) => void;
  readonly onProgress?: (result: FuzzResult) => void;
}

export interface FuzzResult {
  readonly target: string;
  cases: number;
  /** Inputs that the decoder took. */
  accepted: number;
  /** Inputs that reached something new. */
  corpus: number;
  /** Functions of the product that were reached; 0 without coverage. */
  functions: number;
  findings: number;
  seconds: number;
  slowestMs: number;
}

const PROGRESS_MS = 500;
/** A batch is that long, so that coverage costs little beside it. */
const BATCH_MS = 30;
const MOST_IN_BATCH = 512;
/**
 * V8 optimises nothing while it counts coverage: to check a signature takes it half a second, and without coverage a few milliseconds.
 * A slow decoder is fuzzed without coverage for most of the time, on what coverage has led to.
 */
const SLOW_PER_SECOND = 200;
const GUIDED_MS = 1_000;
const BLIND_MS = 4_000;

export async function fuzzTarget(
  target: Target,
  prepared: PreparedTarget,
  options: FuzzOptions,
): Promise<FuzzResult> {
  const { coverage } = options;
  const oracle = new Oracle(target, prepared);
  const corpus: Uint8Array[] = [];
  const mutator = new Mutator(target, corpus, new Choices(options.seed, hashOf(target.name)));
  const known = new Set<string>();
  const result: FuzzResult = {
    target: target.name,
    cases: 0,
    accepted: 0,
    corpus: 0,
    functions: 0,
    findings: 0,
    seconds: 0,
    slowestMs: 0,
  };
  const start = performance.now();

  const run = async (input: Uint8Array) => {
    options.onCase?.(input);
    const { finding, accepted, milliseconds } = await oracle.judge(input);
    result.cases++;
    if (accepted) result.accepted++;
    result.slowestMs = Math.max(result.slowestMs, milliseconds);
    if (finding !== null && !known.has(finding.signature)) {
      known.add(finding.signature);
      result.findings++;
      options.onFinding?.(finding);
    }
    return accepted;
  };
  const told = () => {
    result.seconds = (performance.now() - start) / 1000;
    result.corpus = corpus.length;
    result.functions = coverage?.functions ?? 0;
    options.onProgress?.(result);
  };

  for (const seed of prepared.seeds) {
    if (seed.length > MAX_INPUT_BYTES) throw new Error(`A seed of ${target.name} is too long.`);
    const accepted = await run(seed);
    // What is not accepted would hide everything behind it.
    if (!accepted) throw new Error(`${target.name} does not take one of its own valid inputs.`);
    corpus.push(seed);
  }
  coverage?.take(true);

  const { slowPerSecond = SLOW_PER_SECOND } = options;
  let guided = coverage !== null;
  let turn = { from: performance.now(), cases: result.cases };
  const takeTurns = () => {
    const now = performance.now();
    if (coverage === null || now - turn.from < (guided ? GUIDED_MS : BLIND_MS)) return;
    const perSecond = (1_000 * (result.cases - turn.cases)) / (now - turn.from);
    if (guided && perSecond < slowPerSecond) coverage.pause();
    else if (!guided) coverage.resume();
    guided = !guided || perSecond >= slowPerSecond;
    turn = { from: now, cases: result.cases };
  };

  let toldAt = start;
  const left = () => result.cases < options.maxCases && performance.now() - start < options.maxMs;
  while (left()) {
    takeTurns();
    const batch: Uint8Array[] = [];
    const began = performance.now();
    while (batch.length < MOST_IN_BATCH && performance.now() - began < BATCH_MS && left()) {
      const mutated = mutator.next();
      const input = prepared.repair?.(mutated) ?? mutated;
      await run(input);
      batch.push(input);
    }
    if (guided && coverage?.take(false) === true) await attribute(batch);
    if (performance.now() - toldAt > PROGRESS_MS) {
      toldAt = performance.now();
      told();
      // Timers and messages of the thread have their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  if (!guided) coverage?.resume();
  told();
  return result;

  /** Something in the batch was new: which of its inputs reached it? */
  async function attribute(batch: readonly Uint8Array[]): Promise<void> {
    for (const input of batch) {
      options.onCase?.(input);
      await oracle.judge(input);
      if (coverage!.take(true)) corpus.push(input);
    }
  }
}

function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return hash;
}
