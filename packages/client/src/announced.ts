/**
 * Ids of requests. A request of one sample tells what the client will call its next one: the workers may agree ahead on how
 * to run that, and begin as soon as they have it. An id is used once, whatever became of its request.
 */
import { bytesToHex, type ProtocolName } from '@trivet/shared-types';
import type { RequestIds } from './request.js';

const ID_BYTES = 16;
/** The workers forget sooner or later what was announced; then an id is as good as any other. */
const KEEP_MS = 5 * 60_000;
/** Of one kind: requests that are under way at once announce one each. */
const MAX_KEPT = 4;

/** What an announced request must be like. */
interface Kind {
  readonly digest: string;
  /** The one that it names; null: none. */
  readonly protocol: ProtocolName | null;
  readonly count: number;
}

interface Announced {
  readonly id: string;
  readonly until: number;
}

export class AnnouncedIds {
  /** By kind, the oldest first: that is the one which the workers are likely to have agreed on. */
  readonly #announced = new Map<string, Announced[]>();

  /** The ids of a request that is about to be sent. */
  take(kind: Kind): RequestIds {
    if (kind.count !== 1) return { requestId: randomId(), nextRequestId: null };
    this.#forgetOld();
    return {
      requestId: this.#announced.get(nameOf(kind))?.shift()?.id ?? randomId(),
      nextRequestId: randomId(),
    };
  }

  /** A request with these ids was answered by all three. */
  answered(kind: Kind, { nextRequestId: id }: RequestIds): void {
    if (id === null) return;
    const kept = this.#announced.get(nameOf(kind)) ?? [];
    this.#announced.set(nameOf(kind), kept);
    if (kept.length < MAX_KEPT) kept.push({ id, until: performance.now() + KEEP_MS });
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [name, kept] of this.#announced) {
      while (kept.length > 0 && kept[0]!.until <= now) kept.shift();
      if (kept.length === 0) this.#announced.delete(name);
    }
  }
}

function nameOf({ digest, protocol }: Kind): string {
  return `${digest} ${protocol}`;
}

function randomId(): string {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}
