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

export class AnnouncedIds {
  #announced: (Omit<Kind, 'count'> & { readonly id: string; readonly until: number }) | null = null;

  /** The ids of a request that is about to be sent. */
  take({ digest, protocol, count }: Kind): RequestIds {
    if (count !== 1) return { requestId: randomId(), nextRequestId: null };
    const announced = this.#announced;
    this.#announced = null;
    const fits =
      announced?.digest === digest && announced.protocol === protocol && performance.now() < announced.until;
    return { requestId: fits ? announced.id : randomId(), nextRequestId: randomId() };
  }

  /** A request with these ids was answered by all three. */
  answered({ digest, protocol }: Kind, { nextRequestId: id }: RequestIds): void {
    if (id !== null) this.#announced = { digest, protocol, id, until: performance.now() + KEEP_MS };
  }
}

function randomId(): string {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(ID_BYTES)));
}
