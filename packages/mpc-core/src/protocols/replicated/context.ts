/** What helper and evaluators have in common: streams into memory, frames out of and into it, traffic counted. */
import { nextParty, type PartyIndex } from '../../channel/channel.js';
import type { Arena } from '../../kernels/arena.js';
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { SEED_BYTES } from '../../random/entropy.js';
import {
  type Link,
  Purpose,
  type SessionStreams,
  type StreamPosition,
} from '../../random/session-streams.js';
import { WORD_BYTES } from '../../ring/words.js';
import type { SessionContext, Traffic } from '../protocol.js';

const LINKS: readonly Link[] = ['next', 'previous'];
/** Of a link's messages: those of party i to i + 1, and those back. Seeds of digests, with a number. */
const FORTH = 0;
const BACK = 1;
/** What was dealt ahead on the link, in a session of its own. */
const AHEAD = 2;

/**
 * One party's side of one session, without its role. Of each of its two links it keeps a digest of all that was sent and received
 * on it, in this session and in those in which its material was dealt; the zero shares that blind the reply are keyed with it. Where
 * the two ends do not hold the same, for a message was garbage on the way or overwritten before it left, the zero shares do not
 * cancel, and the client sees that the replies do not fit together.
 */
export class ReplicatedContext {
  readonly kernels: Kernels;
  readonly arena: Arena;
  readonly traffic: Traffic = { rounds: 0, bytesSent: 0, bytesReceived: 0, bytesDealt: 0 };

  private readonly streams: SessionStreams;
  private readonly key: Pointer;
  private readonly sent = [0, 0, 0];
  private readonly received = [0, 0, 0];
  /** Two words: digests of the links to the next and to the previous party. */
  private readonly digests: Pointer;

  constructor(private readonly session: SessionContext) {
    this.kernels = session.kernels;
    this.arena = session.arena;
    this.streams = session.streams;
    this.key = session.arena.allocate(SEED_BYTES);
    this.digests = session.arena.allocate(2 * WORD_BYTES);
    this.kernels.memory.bytes.fill(0, this.digests, this.digests + 2 * WORD_BYTES);
  }

  /** `bytes` of the stream (link, operation, purpose) at `dst`. */
  fill(dst: Pointer, link: Link, operation: number, purpose: Purpose, bytes: number): Pointer {
    return this.expand(dst, this.streams.draw(link, operation, purpose), bytes);
  }

  /** n words that both ends of the link can draw if they have seen the same messages on it; others if they have not. */
  fillZeroShare(link: Link, operation: number, n: number): Pointer {
    const at = this.digestOf(link);
    const digest = this.kernels.memory.bytes.slice(at, at + WORD_BYTES);
    const stream = this.streams.draw(link, operation, Purpose.Zero, digest);
    const words = this.expand(this.arena.words(n), stream, n * WORD_BYTES);
    stream.key.fill(0);
    return words;
  }

  private expand(dst: Pointer, stream: StreamPosition, bytes: number): Pointer {
    this.kernels.memory.bytes.set(stream.key, this.key);
    this.kernels.chacha20(dst, this.key, stream.n0, stream.n1, 0, 0, bytes);
    this.kernels.memory.bytes.fill(0, this.key, this.key + SEED_BYTES);
    return dst;
  }

  /** The digests, to go on with in another session. */
  transcripts(): Uint8Array {
    return this.kernels.memory.bytes.slice(this.digests, this.digests + 2 * WORD_BYTES);
  }

  /** Goes on from the session in which material was dealt. @param position of the item in this session's material */
  goOn(transcripts: Uint8Array, position: number): void {
    const mark = this.arena.mark();
    const at = this.arena.allocate(transcripts.length);
    this.kernels.memory.bytes.set(transcripts, at);
    for (const [index, link] of LINKS.entries()) {
      this.kernels.addDigest(this.digestOf(link), at + WORD_BYTES * index, WORD_BYTES, position, AHEAD);
    }
    this.arena.rewind(mark);
  }

  private digestOf(link: Link): Pointer {
    return this.digests + WORD_BYTES * LINKS.indexOf(link);
  }

  private digest(peer: PartyIndex, pointer: Pointer, bytes: number, number: number, isSent: boolean): void {
    const link = peer === nextParty(this.session.party) ? 'next' : 'previous';
    const direction = (link === 'next') === isSent ? FORTH : BACK;
    this.kernels.addDigest(this.digestOf(link), pointer, bytes, number, direction);
  }

  /** As `fill`, for n words of `width` bytes, zero-extended into a fresh vector. */
  fillWords(link: Link, operation: number, purpose: Purpose, n: number, width: number): Pointer {
    const words = this.arena.words(n);
    const mark = this.arena.mark();
    const packed = this.arena.allocate(n * width);
    this.fill(packed, link, operation, purpose, n * width);
    this.kernels.unpack(words, packed, n, width);
    this.arena.rewind(mark);
    return words;
  }

  send(peer: PartyIndex, pointer: Pointer, bytes: number): void {
    this.traffic.bytesSent += bytes;
    const number = this.sent[peer]++;
    this.session.channel.send(peer, number, this.kernels.memory.bytes.subarray(pointer, pointer + bytes));
    this.digest(peer, pointer, bytes, number, true);
  }

  /** Sends correlated randomness: a message that depends on no input. */
  deal(peer: PartyIndex, pointer: Pointer, bytes: number): void {
    this.traffic.bytesDealt += bytes;
    this.send(peer, pointer, bytes);
  }

  /** Receives exactly `bytes` into memory at `dst`. */
  async receive(peer: PartyIndex, dst: Pointer, bytes: number): Promise<Pointer> {
    const number = this.received[peer]++;
    const payload = await this.session.channel.receive(peer, number, bytes);
    this.traffic.bytesReceived += bytes;
    this.kernels.memory.bytes.set(payload, dst);
    this.digest(peer, dst, bytes, number, false);
    return dst;
  }
}
