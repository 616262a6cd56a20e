/** What the leader tells the followers to run, with what was dealt for it. */
import type { Material, PartyIndex } from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';
import { FRAME_KINDS, type SessionKey } from '../mesh/frames.js';
import type { Link } from '../mesh/link.js';
import { encodeProposal } from '../mesh/messages.js';
import { type SessionView, viewOf } from '../mesh/session-view.js';
import type { ServingContext } from './context.js';
import type { Dealer, Demand } from './pool/dealer.js';
import type { SessionIds } from './session-ids.js';

/** What the followers have been told of a session. */
export interface Proposed {
  readonly key: SessionKey;
  readonly links: readonly [Link, Link];
  readonly view: SessionView;
  readonly protocol: ProtocolName;
  readonly helper: PartyIndex;
  readonly material: readonly Material[] | undefined;
}

/** Of a request that the followers may not have yet. */
export interface Expected {
  /** The protocol that it names, or null for none; undefined: they have it. */
  readonly asked?: ProtocolName | null | undefined;
  /** The leader has not got it either. */
  readonly ahead?: boolean;
}

export class Proposer {
  /** @param waits whether a batch waits while nothing is dealt for it */
  constructor(
    private readonly context: ServingContext,
    private readonly dealer: Dealer,
    private readonly ids: SessionIds,
    private readonly waits: boolean,
  ) {}

  /** Whether a batch has what it needs; an older one that has not comes before the younger ones. */
  materialIsReady(): (batch: Demand) => boolean {
    const asked = new Map<string, number>();
    return ({ digest, protocol, images }) => {
      if (!this.waits || images > this.dealer.capacity(digest, protocol)) return true;
      const total = (asked.get(digest + protocol) ?? 0) + images;
      asked.set(digest + protocol, total);
      return total <= this.dealer.available(digest, protocol);
    };
  }

  /**
   * Tells the followers what is to run, under a fresh session id.
   * @param links to both followers, who are connected to each other
   * @returns undefined when the pool has nothing for it
   */
  propose(
    { digest, protocol, images }: Demand,
    requestIds: readonly string[],
    links: readonly [Link, Link],
    { asked, ahead = false }: Expected = {},
  ): Proposed | undefined {
    const allotment = this.dealer.allot({ digest, protocol, images });
    if (allotment === undefined && images <= this.dealer.capacity(digest, protocol)) return undefined;
    const helper = allotment?.helper ?? this.dealer.nextHelper();
    const keys = allotment?.keys ?? [];
    const key = this.ids.next();
    const material =
      keys.length === 0 ? undefined : this.context.pool.take(keys, { digest, protocol, helper });
    const payload = encodeProposal({
      link: this.context.peers.oppositeLink()!,
      digest,
      protocol,
      helper,
      images,
      ...(asked !== undefined && { asked }),
      ahead,
      material: keys,
      requestIds,
    });
    for (const link of links) {
      if (ahead) link.sendUnhurried(FRAME_KINDS.propose, payload, key);
      else link.send(FRAME_KINDS.propose, payload, key);
    }
    return { key, links, view: viewOf(FRAME_KINDS.propose, payload), protocol, helper, material };
  }
}
