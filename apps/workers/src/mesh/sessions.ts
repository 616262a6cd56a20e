/** The sessions that run on this worker's links: starts them, hands them their frames, fails them with their link. */
import type { PartyIndex } from '@trivet/mpc-core';
import { TransientMap, TrivetError } from '@trivet/shared-types';
import type { BusyPoll } from './busy-poll.js';
import { FRAME_KINDS, type SessionKey } from './frames.js';
import type { Link, Peer } from './link.js';
import { decodeError } from './messages.js';
import { Session, type Waits } from './session.js';

/** What is dealt ahead is not waited for. */
const PATIENT: Waits = { begin() {}, end() {} };

export class Sessions {
  readonly #running = new TransientMap<SessionKey, Session>();
  readonly #waits: Waits;

  constructor(
    private readonly self: Peer,
    busyPoll: BusyPoll,
  ) {
    this.#waits = {
      // With more than one there is other work to do meanwhile, here or at the helper.
      begin: () => {
        if (this.#running.size === 1) busyPoll.begin();
      },
      end: () => busyPoll.end(),
    };
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * Starts a session on two live links. Frames that came early are handed to it at once, so it may have failed
   * already when this returns.
   * @param ahead whether it deals what later ones need
   * @throws TrivetError ABORTED when the id was used before on one of the links: its masks would repeat
   */
  start(key: SessionKey, links: readonly [Link, Link], ahead = false): Session {
    // Both ledgers must hear of it, so no short circuit.
    const accepted = links.map((link) => link.ledger.accept(key));
    if (accepted.includes(false)) {
      throw new TrivetError(
        'ABORTED',
        `${this.self.name} refuses a session id that was used before.`,
        this.self.name,
      );
    }
    const byIndex: (Link | undefined)[] = [undefined, undefined, undefined];
    for (const link of links) byIndex[link.peer.index] = link;
    const session = new Session(key, this.self.index, this.self.name, byIndex, ahead ? PATIENT : this.#waits);
    this.#running.set(key, session);
    for (const link of links) {
      for (const { kind, step, payload } of link.early.take(key)) {
        this.#deliver(session, link.peer, kind, step, payload);
      }
    }
    return session;
  }

  /** Keeps the id of a session that may start later than those that come after it, and its frames until then. */
  reserve(key: SessionKey, links: readonly [Link, Link]): boolean {
    return !links.map((link) => link.ledger.reserve(key)).includes(false);
  }

  /** Marks the id of a session that will not start here as used, so that its frames are dropped. */
  refuse(key: SessionKey, links: readonly (Link | undefined)[]): void {
    for (const link of links) {
      link?.ledger.accept(key);
      link?.early.take(key);
    }
  }

  /** Forgets a session; frames of it that still arrive are dropped. */
  end(session: Session): void {
    this.#running.delete(session.key);
    session.end();
  }

  /** A data or abort frame has arrived. @throws TrivetError when it is malformed, or far too early */
  frame(link: Link, kind: number, key: SessionKey, step: number, payload: Uint8Array): void {
    const session = this.#running.get(key);
    if (session !== undefined) {
      if (session.links[link.peer.index] === link) this.#deliver(session, link.peer, kind, step, payload);
      return;
    }
    if (link.ledger.isPast(key)) return;
    if (!link.early.add(key, { kind, step, payload: link.keep(payload) }, performance.now())) {
      throw new TrivetError('RESOURCE_EXHAUSTED', 'too many frames for sessions that have not started.');
    }
  }

  /** Fails every session on a link that has closed. */
  linkDown(link: Link, error: TrivetError): void {
    for (const session of this.#running.values()) {
      if (session.links[link.peer.index] === link) session.fail(error, true);
    }
  }

  failAll(error: TrivetError): void {
    for (const session of this.#running.values()) session.fail(error, true);
  }

  #deliver(session: Session, peer: Peer, kind: number, step: number, payload: Uint8Array): void {
    if (kind === FRAME_KINDS.data) session.deliver(peer.index as PartyIndex, step, payload);
    else session.fail(decodeError(payload, peer.name), false);
  }
}
