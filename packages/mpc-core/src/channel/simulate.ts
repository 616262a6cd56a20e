/**
 * Three parties in one process: in-memory channels that behave like a mesh, count, and can fail on purpose.
 */
import type { Channel, PartyIndex } from './channel.js';

interface Frame {
  readonly step: number;
  readonly payload: Uint8Array;
  /** Length of the longest chain of messages that ends with this one. */
  readonly depth: number;
}

/** What one party has received, for tests of privacy. */
export interface Transcript {
  readonly from: PartyIndex;
  readonly payload: Uint8Array;
}

class Mailbox {
  private readonly frames: Frame[] = [];
  private waiting: { resolve(frame: Frame): void; reject(error: Error): void } | null = null;
  private failure: Error | null = null;

  put(frame: Frame): void {
    const { waiting } = this;
    this.waiting = null;
    if (waiting) waiting.resolve(frame);
    else this.frames.push(frame);
  }

  take(): Promise<Frame> {
    const frame = this.frames.shift();
    if (frame) return Promise.resolve(frame);
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  fail(error: Error): void {
    this.failure = error;
    this.waiting?.reject(error);
    this.waiting = null;
  }
}

class MemoryChannel implements Channel {
  depth = 0;
  bytesSent = 0;
  readonly transcript: Transcript[] = [];

  constructor(
    readonly self: PartyIndex,
    private readonly mailboxes: readonly (readonly Mailbox[])[],
  ) {}

  send(peer: PartyIndex, step: number, payload: Uint8Array): void {
    this.bytesSent += payload.length;
    this.mailboxes[peer][this.self].put({ step, payload: payload.slice(), depth: this.depth + 1 });
  }

  async receive(peer: PartyIndex, step: number, bytes: number): Promise<Uint8Array> {
    const frame = await this.mailboxes[this.self][peer].take();
    if (frame.step !== step || frame.payload.length !== bytes) {
      throw new Error(
        `Party ${this.self} expected ${bytes} bytes of step ${step} from ${peer} and got ${frame.payload.length} of ${frame.step}.`,
      );
    }
    this.depth = Math.max(this.depth, frame.depth);
    this.transcript.push({ from: peer, payload: frame.payload });
    return frame.payload;
  }
}

/** What a simulation counted, per party. */
export interface Simulation<T> {
  readonly results: readonly [T, T, T];
  readonly bytesSent: readonly [number, number, number];
  /** Longest chain of dependent messages. */
  readonly rounds: number;
  /** Everything each party received, in its order. */
  readonly transcripts: readonly [Transcript[], Transcript[], Transcript[]];
}

/**
 * Runs `program` as parties 0, 1 and 2. If one rejects, the others' pending receives reject too.
 */
export async function simulate<T>(
  program: (channel: Channel, party: PartyIndex) => Promise<T>,
): Promise<Simulation<T>> {
  const parties: readonly PartyIndex[] = [0, 1, 2];
  const mailboxes = parties.map(() => parties.map(() => new Mailbox()));
  const channels = parties.map((party) => new MemoryChannel(party, mailboxes));
  const run = async (party: PartyIndex): Promise<T> => {
    try {
      return await program(channels[party], party);
    } catch (error) {
      for (const row of mailboxes) row[party].fail(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  };
  const results = await Promise.all([run(0), run(1), run(2)]);
  const [a, b, c] = channels;
  return {
    results,
    bytesSent: [a.bytesSent, b.bytesSent, c.bytesSent],
    rounds: Math.max(a.depth, b.depth, c.depth),
    transcripts: [a.transcript, b.transcript, c.transcript],
  };
}
