/**
 * The pairwise key streams of one session.
 *
 * A pair's key lives as long as its mesh connection; a session's subkey is HChaCha20(pair key, session id), and a
 * stream within it is ChaCha20 with the nonce (operation, purpose, 0): the construction of XChaCha20
 * (draft-irtf-cfrg-xchacha-03). Session ids are unique under a pair key and a stream is drawn at most once, so no (key, nonce)
 * pair ever repeats; `draw` enforces the second part.
 */
import { hchacha20 } from './chacha20.js';
import { Redacted } from './redacted.js';

/** What a stream is for: the second nonce word. */
export enum Purpose {
  /** Masks of an opened value. */
  Opening = 1,
  /** Masks of the bits opened in a comparison. */
  BitMasks = 2,
  /** One party's share of what the helper deals. */
  Dealt = 3,
  /** A replicated share of a result, known to two parties. */
  Result = 4,
  /** Zero shares that blind a reply. */
  Zero = 5,
  /** Mask of the summand that the helper itself sends at an opening. */
  HelperOpening = 6,
  /** Root seeds of distributed comparison keys. */
  Roots = 7,
  /** Masks of what share convert sends to the helper; known to the evaluators, as all up to Shuffle. */
  ConvertMask = 9,
  /** What hides from the helper which way a comparison went. */
  Flip = 10,
  /** Multipliers of the digits of a comparison. */
  Multiplier = 11,
  /** What makes the two shares of a comparison's digits independent of what the helper knows of them. */
  Blind = 12,
  Shuffle = 13,
  /** Shares of bits modulo 67. */
  Digits = 14,
  /** Shares modulo 2^bits - 1. */
  OddRing = 15,
}

/** Which of a party's two links: to party i + 1 or to party i - 1. */
export type Link = 'next' | 'previous';

/** Nonce and subkey of one stream, ready for `Kernels.chacha20`. */
export class StreamPosition extends Redacted {
  constructor(
    readonly key: Uint8Array,
    readonly n0: number,
    readonly n1: number,
  ) {
    super();
  }

  toString(): string {
    return `[stream ${this.n0}/${this.n1}]`;
  }
}

export class SessionStreams {
  readonly #keys: Record<Link, Uint8Array>;
  private readonly drawn = new Set<number>();
  /** Public 64 bits of the session's id, as two numbers: tweaks of what is hashed in it. */
  readonly salt: readonly [number, number];

  /** @param sessionId 16 bytes, unique for the lifetime of both pair keys (32 bytes each) */
  constructor(sessionId: Uint8Array, next: Uint8Array, previous: Uint8Array) {
    this.#keys = { next: hchacha20(next, sessionId), previous: hchacha20(previous, sessionId) };
    const id = new DataView(sessionId.buffer, sessionId.byteOffset, sessionId.byteLength);
    const fold = (at: number): number => (id.getUint32(at, true) ^ id.getUint32(at + 8, true)) >>> 0;
    this.salt = [fold(0), fold(4)];
  }

  /**
   * The stream of (link, operation, purpose).
   * @param bound 8 bytes, or none: both ends have the same stream only if they have the same bytes. The key is then
   *   HChaCha20(subkey, bound ‖ operation ‖ 1), and the caller's to wipe; no stream's nonce ends in 1, so no block is made of it
   * @throws Error when it was drawn before: a repeated mask would reveal a difference of secrets
   */
  draw(link: Link, operation: number, purpose: Purpose, bound?: Uint8Array): StreamPosition {
    const id = (operation * 16 + purpose) * 2 + (link === 'next' ? 0 : 1);
    if (this.drawn.has(id)) throw new Error(`Stream ${link}/${operation}/${purpose} was drawn twice.`);
    this.drawn.add(id);
    const subkey = this.#keys[link];
    if (bound === undefined) return new StreamPosition(subkey, operation, purpose);
    const input = new Uint8Array(16);
    input.set(bound);
    new DataView(input.buffer).setUint32(8, operation, true);
    input[12] = 1;
    return new StreamPosition(hchacha20(subkey, input), operation, purpose);
  }

  /** Forgets the subkeys. */
  wipe(): void {
    this.#keys.next.fill(0);
    this.#keys.previous.fill(0);
  }
}
