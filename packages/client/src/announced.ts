/**
 * Ids of requests. A request of one sample tells what the client will call its next one: the workers may agree ahead on how
 * to run that, and begin as soon as they have it. An id is used once, whatever became of its request.
 */
import { bytesToHex, type ProtocolName } from '@trivet/shared-types';
import type { RequestIds } from './request.js';

const ID_BYTES = 16;
/** The workers forget sooner or later what was announced; then an id is as good as any other. */
const KEEP_MS = 5 * 60_000;
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
  /**
   * By kind, the last one announced. The workers agree on one of a client's at a time, and a later one takes its place: who kept older
   * ones too, of requests that were under way at once, would always ask for one that they have just given up.
   */
  readonly #announced = new Map<string, Announced>();

  /** The ids of a request that is about to be sent. */
  take(kind: Kind): RequestIds {
    if (kind.count !== 1) return { requestId: randomId(), nextRequestId: null };
    this.#forgetOld();
    const name = nameOf(kind);
    const requestId = this.#announced.get(name)?.id ?? randomId();
    this.#announced.delete(name);
    return { requestId, nextRequestId: randomId() };
  }

  /** A request with these ids was answered by all three. */
  answered(kind: Kind, { nextRequestId: id }: RequestIds): void {
    if (id === null) return;
    this.#announced.set(nameOf(kind), { id, until: performance.now() + KEEP_MS });
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [name, { until }] of this.#announced) if (until <= now) this.#announced.delete(name);
  }
}

function nameOf({ digest, protocol }: Kind): string {
  return `${digest} ${protocol}`;
}

function randomId(): string {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}
