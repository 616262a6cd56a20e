/** One way of one relayed connection. Bytes leave in the order in which they came, however the route is impaired. */
import type { Socket } from 'node:net';
import type { DelayLine } from './delay-line.js';
import { Garbler, type Impairment, UNIMPAIRED } from './impairment.js';

/** A source is not read while this much of it is on its way. */
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;
/** The same where bandwidth is bounded: what the buffers of a network hold. */
const MAX_BYTES_IN_SLOW_FLIGHT = 256 * 1024;

type Piece = { readonly chunk: Buffer; readonly cameAt: number } | 'end' | 'close';

export class Stream {
  #impairment: Impairment = UNIMPAIRED;
  #garbler: Garbler | null = null;
  readonly #pieces: Piece[] = [];
  #inFlight = 0;
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly line: DelayLine<() => void>,
  ) {
    from.on('data', (chunk: Buffer) => {
      this.#inFlight += chunk.length;
      if (this.#inFlight > this.#most) from.pause();
      this.#push({ chunk, cameAt: performance.now() });
    });
    from.on('end', () => this.#push('end'));
    // What broke here is broken for the other side too; the 'close' that follows says so.
    from.on('error', () => undefined);
    from.on('close', () => this.#push('close'));
  }

  impair(impairment: Impairment): void {
    this.#impairment = impairment;
    this.#garbler = impairment.garbled === undefined ? null : new Garbler(impairment.garbled);
    if (impairment.stalled) this.from.pause();
    else this.#readOn();
    this.#pump();
  }

  /** Ends this way, as if the source had; what it still sends is lost. */
  end(): void {
    this.#push('end');
    this.#pump();
    this.#ended = true;
  }

  get #most(): number {
    return this.#impairment.bytesPerSecond === undefined ? MAX_BYTES_IN_FLIGHT : MAX_BYTES_IN_SLOW_FLIGHT;
  }

  #push(piece: Piece): void {
    this.#pieces.push(piece);
    this.#pump();
  }

  /** Sends on whatever may leave now. */
  #pump(): void {
    clearTimeout(this.#timer);
    const { stalled, extraDelayMs = 0, bytesPerSecond } = this.#impairment;
    while (this.#pieces.length > 0) {
      const piece = this.#pieces[0]!;
      // A stalled network tells nobody that somebody has gone.
      if (stalled) return;
      if (typeof piece === 'object') {
        const dueAt = Math.max(piece.cameAt + extraDelayMs, bytesPerSecond === undefined ? 0 : this.#freeAt);
        const wait = dueAt - performance.now();
        if (wait > 0) {
          this.#timer = setTimeout(() => this.#pump(), Math.ceil(wait));
          return;
        }
        if (bytesPerSecond !== undefined) {
          this.#freeAt = performance.now() + (1000 * piece.chunk.length) / bytesPerSecond;
        }
      }
      this.#pieces.shift();
      this.#send(piece);
    }
  }

  #send(piece: Piece): void {
    if (piece === 'close') {
      this.line.push(() => this.to.destroySoon());
    } else if (piece === 'end') {
      if (!this.#ended) this.line.push(() => this.to.end());
    } else {
      const bytes = this.#garbler === null ? piece.chunk : this.#garbler.garble(piece.chunk);
      const { length } = piece.chunk;
      const sent = () => {
        this.#inFlight -= length;
        this.#readOn();
      };
      if (this.#ended || bytes.length === 0) sent();
      else this.line.push(() => void this.to.write(bytes, sent));
    }
  }

  #readOn(): void {
    const mayRead = !this.#impairment.stalled && this.#inFlight < this.#most / 2;
    if (this.from.isPaused() && mayRead) this.from.resume();
  }
}
