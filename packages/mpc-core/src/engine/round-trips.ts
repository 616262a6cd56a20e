/**
 * Round trips of the line that a request of `rounds` rounds waits for: to the workers and back, half of one for the
 * leader's proposal, and half of one for each round, whose messages cross each other.
 */
export function roundTripsOf(rounds: number): number {
  return 1.5 + rounds / 2;
}
