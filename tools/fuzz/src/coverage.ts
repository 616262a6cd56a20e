/**
 * Which code has run: V8's own block coverage, taken through Node's inspector, as c8 and vitest do. One take costs
 * milliseconds, so the fuzzer takes it after many inputs, and looks at each of them only when something was new.
 *
 * V8 reports the functions that ran since the last take, each with ranges of which an inner one says where the count differs
 * from the outer one's. So a block shows by its absence: something is new when a part of a function that never ran is not
 * among the parts that did not run this time.
 */
import { Session } from 'node:inspector';

/** Code that is looked at: the workspace, and those of its libraries that decode. */
const LOOKED_AT =
  /\/(packages|apps)\/[^/]+\/src\/|\/(jsfive|fflate|@bufbuild\/protobuf|socket\.io-parser|engine\.io-parser)\//;

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

/** Parts of a script that did not run: start, end, start, end, …, in order and apart. */
type Gaps = readonly number[];

export class Coverage {
  readonly #session = new Session();
  /** By function: what of it has never run. */
  readonly #gaps = new Map<string, Gaps>();

  /** @param lookedAt which scripts count, by their address */
  constructor(private readonly lookedAt: RegExp = LOOKED_AT) {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.resume();
  }

  /** Counts again, after `pause`. */
  resume(): void {
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Lets V8 optimise, which it does not while it counts. What was seen stays seen. */
  pause(): void {
    this.#post('Profiler.stopPreciseCoverage');
  }

  /** Functions that have run so far. */
  get functions(): number {
    return this.#gaps.size;
  }

  /** Whether code ran since the last take that never had before; it counts as seen only when `keep` says so. */
  take(keep: boolean): boolean {
    let isNew = false;
    for (const [name, missed] of this.#missed()) {
      const before = this.#gaps.get(name);
      const after = before === undefined ? missed : overlap(before, missed);
      if (before !== undefined && lengthOf(after) === lengthOf(before)) continue;
      isNew = true;
      if (!keep) return true;
      this.#gaps.set(name, after);
    }
    return isNew;
  }

  close(): void {
    this.pause();
    this.#session.disconnect();
  }

  /** Of each function that ran since the last take: what of it did not. */
  *#missed(): Generator<readonly [string, Gaps]> {
    const { result } = this.#post('Profiler.takePreciseCoverage') as {
      readonly result: readonly ScriptCoverage[];
    };
    for (const { url, functions } of result) {
      if (!this.lookedAt.test(url)) continue;
      for (const { ranges } of functions) {
        const [whole] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        yield [`${url}:${whole.startOffset}-${whole.endOffset}`, gapsOf(ranges)];
      }
    }
  }

  /** The inspector of one's own thread answers before `post` returns. */
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}

/** @param ranges nested, the outer before the inner; the innermost one counts */
function gapsOf(ranges: readonly Range[]): Gaps {
  const gaps: number[] = [];
  const open: Range[] = [];
  let at = 0;
  const upTo = (end: number) => {
    if (open.at(-1)?.count === 0 && end > at) {
      if (gaps.at(-1) === at) gaps.pop();
      else gaps.push(at);
      gaps.push(end);
    }
    at = Math.max(at, end);
  };
  for (const range of ranges) {
    for (let top = open.at(-1); top !== undefined && top.endOffset <= range.startOffset; top = open.at(-1)) {
      upTo(top.endOffset);
      open.pop();
    }
    upTo(range.startOffset);
    open.push(range);
  }
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    upTo(top.endOffset);
    open.pop();
  }
  return gaps;
}

function overlap(left: Gaps, right: Gaps): Gaps {
  const both: number[] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    const start = Math.max(left[i]!, right[j]!);
    const end = Math.min(left[i + 1]!, right[j + 1]!);
    if (start < end) both.push(start, end);
    if (left[i + 1]! < right[j + 1]!) i += 2;
    else j += 2;
  }
  return both;
}

function lengthOf(gaps: Gaps): number {
  let length = 0;
  for (let index = 0; index < gaps.length; index += 2) length += gaps[index + 1]! - gaps[index]!;
  return length;
}
