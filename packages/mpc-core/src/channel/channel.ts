/**
 * How the three parties of one session exchange bytes. A channel belongs to one session; the mesh multiplexes
 * many of them over one link per pair. Frames of a pair keep their order.
 */

/** Index of a party: worker 0, 1 or 2. Party i holds the replicated pair (x_i, x_{i+1}). */
export type PartyIndex = 0 | 1 | 2;

export interface Channel {
  readonly self: PartyIndex;

  /** Sends one frame. `payload` is consumed (copied or written) before this returns; it never blocks. */
  send(peer: PartyIndex, step: number, payload: Uint8Array): void;

  /**
   * The next frame from `peer`. It must carry `step` and exactly `bytes` bytes. The returned view stays valid until
   * the caller's next `receive` from the same peer.
   * @throws (rejects) when the peer is lost, the session is aborted, or the frame is another one.
   */
  receive(peer: PartyIndex, step: number, bytes: number): Promise<Uint8Array>;
}

/** The party after `party`, cyclically. */
export function nextParty(party: PartyIndex): PartyIndex {
  return ((party + 1) % 3) as PartyIndex;
}

/** The party before `party`, cyclically. */
export function previousParty(party: PartyIndex): PartyIndex {
  return ((party + 2) % 3) as PartyIndex;
}
