/** The next input: one of the corpus, changed as its format suggests. */
import { MAX_INPUT_BYTES, type Target } from '../target.js';
import { mutateBytes } from './bytes.js';
import { mutateJson } from './json.js';
import type { Choices } from './random.js';

/** How often JSON is changed as bytes. */
const JSON_AS_BYTES = 0.25;
/** Inputs that are new lead further more often than others. */
const RECENT = 16;

export class Mutator {
  readonly #dictionary: readonly Uint8Array[];

  constructor(
    private readonly target: Pick<Target, 'form' | 'dictionary'>,
    private readonly corpus: readonly Uint8Array[],
    private readonly choices: Choices,
  ) {
    this.#dictionary = (target.dictionary ?? []).map((word) => Buffer.from(word, 'latin1'));
  }

  next(): Uint8Array {
    const { choices, corpus } = this;
    const recent = choices.chance(0.4) ? corpus.slice(-RECENT) : corpus;
    const input = choices.pick(recent);
    if (this.target.form === 'json' && !choices.chance(JSON_AS_BYTES)) {
      const other = () => Buffer.from(choices.pick(corpus)).toString('utf8');
      const text = withoutOverflow(() => mutateJson(Buffer.from(input).toString('utf8'), choices, other));
      if (text !== null) return Buffer.from(text, 'utf8').subarray(0, MAX_INPUT_BYTES);
    }
    return mutateBytes(input, choices, { other: () => choices.pick(corpus), dictionary: this.#dictionary });
  }
}

/** What is nested very deep cannot be changed as JSON: null, and it is changed as bytes. */
function withoutOverflow<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
