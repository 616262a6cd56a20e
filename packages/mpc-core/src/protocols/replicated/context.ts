/** What helper and evaluators have in common: streams into memory, frames out of and into it, traffic counted. */
import type { PartyIndex } from '../../channel/channel.js';
import type { Arena } from '../../kernels/arena.js';
import type { Kernels, Pointer } from '../../kernels/kernels.js';
import { SEED_BYTES } from '../../random/entropy.js';
import type { Link, Purpose, SessionStreams } from '../../random/session-streams.js';
import type { SessionContext, Traffic } from '../protocol.js';

/** One party's side of one session, without its role. */
export class ReplicatedContext {
  readonly kernels: Kernels;
  readonly arena: Arena;
  readonly traffic: Traffic = { rounds: 0, bytesSent: 0, bytesReceived: 0, bytesDealt: 0 };

  private readonly streams: SessionStreams;
  private readonly key: Pointer;
  private readonly sent = [0, 0, 0];
  private readonly received = [0, 0, 0];

  constructor(private readonly session: SessionContext) {
    this.kernels = session.kernels;
    this.arena = session.arena;
    this.streams = session.streams;
    this.key = session.arena.allocate(SEED_BYTES);
  }

  /** `bytes` of the stream (link, operation, purpose) at `dst`. */
  fill(dst: Pointer, link: Link, operation: number, purpose: Purpose, bytes: number): Pointer {
    const stream = this.streams.draw(link, operation, purpose);
    this.kernels.memory.bytes.set(stream.key, this.key);
    this.kernels.chacha20(dst, this.key, stream.n0, stream.n1, 0, 0, bytes);
    this.kernels.memory.bytes.fill(0, this.key, this.key + SEED_BYTES);
    return dst;
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
    this.session.channel.send(
      peer,
      this.sent[peer]++,
      this.kernels.memory.bytes.subarray(pointer, pointer + bytes),
    );
  }

  /** Sends correlated randomness: a message that depends on no input. */
  deal(peer: PartyIndex, pointer: Pointer, bytes: number): void {
    this.traffic.bytesDealt += bytes;
    this.send(peer, pointer, bytes);
  }

  /** Receives exactly `bytes` into memory at `dst`. */
  async receive(peer: PartyIndex, dst: Pointer, bytes: number): Promise<Pointer> {
    const payload = await this.session.channel.receive(peer, this.received[peer]++, bytes);
    this.traffic.bytesReceived += bytes;
    this.kernels.memory.bytes.set(payload, dst);
    return dst;
  }
}
