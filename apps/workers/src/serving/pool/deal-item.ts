/** One worker's part in dealing one item: runs the protocol's offline phase in a session of its own. */
import { nextParty, previousParty } from '@trivet/mpc-core';
import { Redacted, TrivetError } from '@trivet/shared-types';
import type { Link } from '../../mesh/link.js';
import type { Session } from '../../mesh/session.js';
import { bindKey, type SessionView } from '../../mesh/session-view.js';
import type { ServingContext } from '../context.js';
import type { Model } from '../models.js';
import { allowedProtocol } from '../protocols.js';
import type { MaterialKind } from './material-pool.js';

export class SessionKeys extends Redacted {
  constructor(
    readonly sessionId: Uint8Array,
    readonly next: Uint8Array,
    readonly previous: Uint8Array,
  ) {
    super();
  }

  /** Forgets them, once the session has its streams. */
  wipe(): void {
    this.next.fill(0);
    this.previous.fill(0);
  }

  toString(): string {
    return '[keys of a session]';
  }
}

/**
 * The keys of a session, from its links and what the leader has said of it.
 * @throws TrivetError UNAVAILABLE when one of its links is closed
 */
export function keysOf(context: ServingContext, session: Session, view: SessionView): SessionKeys {
  const { index } = context.self;
  return new SessionKeys(
    Uint8Array.from(Buffer.from(session.key, 'latin1')),
    bindKey(session.links[nextParty(index)]!.key, view),
    bindKey(session.links[previousParty(index)]!.key, view),
  );
}

/**
 * Deals an item and puts it into the pool. Never rejects; the peers are told of a failure. The session is the caller's to
 * end: the leader has to hear of a peer's failure after its own part is done.
 * @returns the memory that the item takes; null when it went wrong, and `session.error` says why
 */
export async function dealItem(
  context: ServingContext,
  session: Session,
  model: Model,
  kind: MaterialKind,
  view: SessionView,
): Promise<number | null> {
  const { models, party, pool, protocols, self } = context;
  const release = models.use(model);
  let keys: SessionKeys | undefined;
  try {
    keys = keysOf(context, session, view);
    const family = allowedProtocol(protocols, model.manifest, kind.protocol, self.name);
    const material = await party.prepare(model.loaded, {
      protocol: family[kind.helper],
      keys,
      channel: session,
    });
    if (material === null) {
      throw new TrivetError('INVALID_ARGUMENT', `${kind.protocol} deals nothing ahead.`, self.name);
    }
    // Its last message may have come with the news that one of its links is gone.
    if (session.error !== null) {
      material.release();
      return null;
    }
    const links = session.links.filter((link): link is Link => link !== undefined);
    pool.add({ ...kind, key: session.key, material, links });
    return material.bytes;
  } catch (error) {
    const reason =
      error instanceof TrivetError
        ? error
        : new TrivetError('INTERNAL', `${self.name} could not deal.`, self.name, { cause: error });
    session.fail(reason, true);
    return null;
  } finally {
    keys?.wipe();
    release();
  }
}
