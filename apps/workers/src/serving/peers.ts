/** What this worker knows of the other two: who is connected, and what they hold, as they last said. */
import { nextParty, type PartyIndex, previousParty } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import type { Link, Peer } from '../mesh/link.js';
import type { MeshState } from '../mesh/messages.js';

export const LEADER: PartyIndex = 0;
/** Bits of all three workers. */
export const ALL = 0b111;

/** The part of the mesh that is asked for links. */
export interface Links {
  link(index: PartyIndex): Link | undefined;
}

export class Peers {
  readonly #states = new Map<PartyIndex, MeshState>();

  constructor(
    readonly self: Peer,
    readonly others: readonly Peer[],
    private readonly links: Links,
  ) {}

  /** The live links to both, or undefined. */
  both(): readonly [Link, Link] | undefined {
    const next = this.links.link(nextParty(this.self.index));
    const previous = this.links.link(previousParty(this.self.index));
    return next === undefined || previous === undefined ? undefined : [next, previous];
  }

  note(peer: Peer, state: MeshState): void {
    this.#states.set(peer.index, state);
  }

  /** What a peer last said, if it has said anything. */
  state(peer: Peer): MeshState | undefined {
    return this.#states.get(peer.index);
  }

  /** What the peer held is still true when it comes back; its link is not. */
  lost(peer: Peer): void {
    const state = this.#states.get(peer.index);
    if (state !== undefined) this.#states.set(peer.index, { ...state, link: null });
  }

  /** The id of the link between the other two, on which both agree; undefined while it is down. */
  oppositeLink(): string | undefined {
    const [first, second] = this.others.map((peer) => this.#states.get(peer.index)?.link ?? undefined);
    return first === second ? first : undefined;
  }

  /** Why no batch can run now, naming who is missing; null when nothing is in the way. */
  obstacle(): TrivetError | null {
    const { name } = this.self;
    const missing = this.others.filter((peer) => this.links.link(peer.index) === undefined);
    if (missing.length > 0) {
      const names = missing.map((peer) => peer.name).join(' and ');
      return new TrivetError(
        'UNAVAILABLE',
        `${name} has no connection to ${names}; it reconnects by itself, so try again in a moment.`,
        name,
      );
    }
    if (this.oppositeLink() === undefined) {
      const names = this.others.map((peer) => peer.name).join(' and ');
      return new TrivetError(
        'UNAVAILABLE',
        `${names} are not connected to each other; they reconnect by themselves, so try again in a moment.`,
        name,
      );
    }
    return null;
  }

  /** Names of the peers that, as far as is known, do not have the version in memory. */
  lacking(digest: string): string[] {
    return this.others
      .filter((peer) => !this.#states.get(peer.index)?.models.includes(digest))
      .map((peer) => peer.name);
  }
}
