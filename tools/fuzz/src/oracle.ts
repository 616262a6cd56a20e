/**
 * What no input may do: end in an error that was not foreseen, take longer or more memory than its size allows, never end, or
 * change what all objects inherit from. Time is processor time, so that a busy machine slows no decoder down; time and memory are
 * measured again before they count.
 */
import { getHeapStatistics } from 'node:v8';
import {
  BrokenPromise,
  DEFAULT_BYTES_PER_BYTE,
  DEFAULT_MAX_MS,
  FREE_BYTES,
  type PreparedTarget,
  type Target,
} from './target.js';

export type FindingKind = 'error' | 'promise' | 'slow' | 'memory' | 'hang' | 'pollution' | 'crash';

export interface Finding {
  readonly target: string;
  readonly kind: FindingKind;
  readonly what: string;
  /** Findings with the same one count as one. */
  readonly signature: string;
  readonly input: Uint8Array;
}

export interface Outcome {
  readonly finding: Finding | null;
  /** Whether the decoder took the input. */
  readonly accepted: boolean;
  readonly milliseconds: number;
}

/** A promise that has not settled by then, by the clock, never will. */
const HANG_MS = 120_000;
const CONFIRMATIONS = 3;
const CLEAN = [Object.prototype, Array.prototype, Function.prototype].map(
  (one) => Reflect.ownKeys(one).length,
);

export class Oracle {
  constructor(
    private readonly target: Target,
    private readonly prepared: PreparedTarget,
  ) {}

  async judge(input: Uint8Array): Promise<Outcome> {
    const first = await this.#measure(input);
    if (first.finding?.kind !== 'slow' && first.finding?.kind !== 'memory') return first;
    for (let again = 0; again < CONFIRMATIONS; again++) {
      (globalThis as { gc?: () => void }).gc?.();
      const next = await this.#measure(input);
      if (next.finding?.kind !== first.finding.kind) return next;
    }
    return first;
  }

  async #measure(input: Uint8Array): Promise<Outcome> {
    const { maxMs = DEFAULT_MAX_MS, bytesPerByte = DEFAULT_BYTES_PER_BYTE } = this.target;
    const before = memory();
    const start = process.cpuUsage();
    let accepted = true;
    let finding: Finding | null = null;
    try {
      const result = this.prepared.run(input);
      if (result instanceof Promise) await this.#settled(result);
    } catch (error) {
      accepted = false;
      finding = this.#errorFinding(error, input);
    }
    const { user, system } = process.cpuUsage(start);
    const milliseconds = (user + system) / 1000;
    const taken = memory() - before;
    const allowed = FREE_BYTES + bytesPerByte * input.length;
    if (finding === null && milliseconds > maxMs) {
      finding = this.#finding('slow', `took ${Math.round(milliseconds)} ms, ${maxMs} are allowed`, input);
    }
    if (finding === null && taken > allowed) {
      finding = this.#finding(
        'memory',
        `took ${taken} bytes for ${input.length}, ${allowed} are allowed`,
        input,
      );
    }
    const changed = clean();
    if (changed !== null) finding = this.#finding('pollution', `changed ${changed}`, input);
    return { finding, accepted, milliseconds };
  }

  async #settled(result: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Hang(`did not end within ${HANG_MS} ms`)), HANG_MS);
    });
    try {
      await Promise.race([result, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #errorFinding(error: unknown, input: Uint8Array): Finding | null {
    if (error instanceof Hang) return this.#finding('hang', error.message, input);
    if (error instanceof BrokenPromise) return this.#finding('promise', error.message, input);
    if (this.prepared.expects(error)) return null;
    const name =
      error instanceof Error ? `${error.constructor.name}: ${error.message}` : `threw ${typeof error}`;
    return this.#finding('error', name, input, whereOf(error));
  }

  #finding(kind: FindingKind, what: string, input: Uint8Array, where = ''): Finding {
    const { name } = this.target;
    const signature = `${name} ${kind} ${what.replace(/\d+|".*"/g, '#').slice(0, 80)} ${where}`;
    return { target: name, kind, what: where === '' ? what : `${what} (${where})`, signature, input };
  }
}

class Hang extends Error {}

/** Bytes on and beside the heap of this thread; garbage counts as long as it lies there. */
function memory(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}

/** What of the built-in prototypes was changed, and mends it; null: nothing. */
function clean(): string | null {
  const names = ['Object', 'Array', 'Function'] as const;
  for (const [index, prototype] of [Object.prototype, Array.prototype, Function.prototype].entries()) {
    const keys = Reflect.ownKeys(prototype);
    if (keys.length === CLEAN[index]) continue;
    for (const key of keys.slice(CLEAN[index])) delete (prototype as Record<string | symbol, unknown>)[key];
    return `${names[index]}.prototype`;
  }
  return null;
}

/** The first line of our own code in the stack. */
function whereOf(error: unknown): string {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const own = lines.find((line) => /\/(packages|apps)\/[^/]+\/src\//.test(line)) ?? lines[1] ?? '';
  return /([\w-]+\/src\/[^\s)]+|[^\s(]+:\d+:\d+)\)?$/.exec(own)?.[1] ?? '';
}
