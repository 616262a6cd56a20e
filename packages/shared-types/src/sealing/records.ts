/**
 * Records: what a sealed connection consists of. Each direction has its key and counts its records; a record's nonce is
 * the direction's first nonce XOR its number (as in TLS 1.3, RFC 8446, section 5.3). The number itself does not travel,
 * so a record that is left out, repeated, or moved does not open, nor does one that was cut or changed.
 *
 * What is authenticated beside the text: the kind of the record and, in an answer, the number of the record that it
 * answers, so that answers cannot be exchanged for one another.
 */
import { TrivetError } from '../errors.js';
import { AEAD_NONCE_BYTES, type Aead, type Maybe } from './aead.js';

export type RecordKind = 'proof' | 'event' | 'answer' | 'push';

const KIND_BYTES: Readonly<Record<RecordKind, number>> = { proof: 0, event: 1, answer: 2, push: 3 };
/** Kind u8, 7 zero bytes, number of the record that is answered u64 or zero. */
const AAD_BYTES = 16;

/** One end of one direction. Its numbers count from 0 and never come twice under a key. */
class Counter {
  #next = 0;

  constructor(private readonly first: Uint8Array) {
    if (first.length !== AEAD_NONCE_BYTES) throw new Error('A nonce has 12 bytes.');
  }

  take(): { readonly number: number; readonly nonce: Uint8Array } {
    const number = this.#next;
    if (number >= Number.MAX_SAFE_INTEGER) throw new Error('The connection has had all its records.');
    this.#next = number + 1;
    const nonce = this.first.slice();
    const tail = new DataView(nonce.buffer, nonce.byteOffset + AEAD_NONCE_BYTES - 8);
    tail.setBigUint64(0, tail.getBigUint64(0) ^ BigInt(number));
    return { number, nonce };
  }
}

function associatedData(kind: RecordKind, answers: number): Uint8Array {
  const aad = new Uint8Array(AAD_BYTES);
  aad[0] = KIND_BYTES[kind];
  new DataView(aad.buffer).setBigUint64(8, BigInt(answers), true);
  return aad;
}

/** The end that seals. */
export class RecordSealer<Answer extends Maybe<Uint8Array>> {
  readonly #counter: Counter;

  constructor(
    private readonly aead: Aead<Answer>,
    firstNonce: Uint8Array,
  ) {
    this.#counter = new Counter(firstNonce);
  }

  /**
   * Records must leave in the order of these calls.
   * @param answers number of the record that is answered
   * @param into where the record may be written, which spares a copy; it may lie over the text
   */
  seal(
    kind: RecordKind,
    text: Uint8Array,
    answers = 0,
    into?: Uint8Array,
  ): { readonly number: number; readonly record: Answer } {
    const { number, nonce } = this.#counter.take();
    return { number, record: this.aead.seal(nonce, associatedData(kind, answers), text, into) };
  }

  /** Forgets the key: the connection is over. */
  wipe(): void {
    this.aead.wipe();
  }
}

/** The end that opens. */
export class RecordOpener<Answer extends Maybe<Uint8Array>> {
  readonly #counter: Counter;

  constructor(
    private readonly aead: Aead<Answer>,
    firstNonce: Uint8Array,
  ) {
    this.#counter = new Counter(firstNonce);
  }

  /**
   * The next record, in the order of their arrival.
   * @throws (or rejects) when it is not the next one of the other end, whole and for this place; then the connection is
   *   of no use any more
   */
  open(
    kind: RecordKind,
    record: Uint8Array,
    answers = 0,
  ): { readonly number: number; readonly text: Answer } {
    const { number, nonce } = this.#counter.take();
    return { number, text: this.aead.open(nonce, associatedData(kind, answers), record) };
  }

  /** Forgets the key: the connection is over. */
  wipe(): void {
    this.aead.wipe();
  }
}

/** What is said of a record that does not open. @param worker the one at the other end, or the one that says it */
export function brokenSeal(what: string, worker: string): TrivetError {
  const sentence = `${what} does not open: it was changed, cut, repeated or moved on its way. The connection is given up.`;
  return new TrivetError('ABORTED', sentence, worker);
}
