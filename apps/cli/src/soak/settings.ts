/** What a soak does, and the bounds that it holds. */

export const FAULT_EVERY_MS = 20_000;
/** Part of the measured capacity that is asked for. */
export const LOAD = 0.5;
/** How long a request may take. */
export const TIMEOUT_MS = 10_000;
/** After a fault is over, a request must be answered within this. */
export const MOST_RECOVERY_MS = 30_000;
/** By how much a worker's memory may grow after `SETTLED_AFTER_MS`. */
export const MOST_GROWTH = 0.1;
export const SETTLED_AFTER_MS = 5 * 60_000;
/** Memory is told as the median of what was read within so long. */
export const MEMORY_WINDOW_MS = 60_000;
/** No process is replaced so long before memory is told: a young process has not got its size yet. */
export const UNDISTURBED_MS = 60_000;
