/**
 * Round trips of the line that a request of `rounds` rounds waits for: to the workers and back, and half of one for each
 * round, whose messages cross each other.
 * @param announced whether the leader has proposed it before it came, as it does the next of a client that asks for one
 *   sample after the other; half a round trip more if not
 */
export function roundTripsOf(rounds: number, announced: boolean): number {
  return (announced ? 1 : 1.5) + rounds / 2;
}
