/** Counting ahead of a batch what it will have served. */

export interface Reservation {
  /** Resolves when the count is on disk; no reply may leave before. */
  readonly durable: Promise<void>;
  /** The images were served; false when the owner has begun anew meanwhile, so that they no longer count. */
  commit(): boolean;
  /** They were not. */
  giveBack(): void;
}

/** One of several, which are settled together; it says what the first says. */
export function joinReservations(first: Reservation, ...others: readonly Reservation[]): Reservation {
  const durable = Promise.all([first, ...others].map((one) => one.durable)).then(() => undefined);
  // Each may fail before anybody waits for it.
  durable.catch(() => undefined);
  return {
    durable,
    commit: () => {
      for (const other of others) other.commit();
      return first.commit();
    },
    giveBack: () => {
      for (const one of [first, ...others]) one.giveBack();
    },
  };
}
