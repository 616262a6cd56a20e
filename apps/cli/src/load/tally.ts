/** Counts how requests ended. */
import type { ErrorCode } from '@trivet/shared-types';

export interface Tally {
  requests: number;
  right: number;
  /** Of these, right answers that came after the deadline: a client that was busy itself may take one. */
  late: number;
  refused: Partial<Record<ErrorCode, number>>;
  /** Of these, what the clients refused themselves, without asking anybody. */
  refusedHere: number;
  /** Were due and not even begun: the clients' process had not kept up. */
  dropped: number;
  wrong: number;
  /** Not ended a good while after their deadline. */
  hung: number;
  /** Digits of right answers. */
  digits: number;
  /** The longest that a request took, however it ended. */
  longestMs: number;
}

export function emptyTally(): Tally {
  const counts = { requests: 0, right: 0, late: 0, refusedHere: 0, dropped: 0, wrong: 0, hung: 0 };
  return { ...counts, refused: {}, digits: 0, longestMs: 0 };
}

export function refusedTotal({ refused }: Tally): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0);
}

/** What came after `before`; `longestMs` is that of all. */
export function since(before: Tally, after: Tally): Tally {
  const refused: Tally['refused'] = {};
  for (const [code, count] of Object.entries(after.refused) as [ErrorCode, number][]) {
    const added = count - (before.refused[code] ?? 0);
    if (added > 0) refused[code] = added;
  }
  return {
    requests: after.requests - before.requests,
    right: after.right - before.right,
    late: after.late - before.late,
    refusedHere: after.refusedHere - before.refusedHere,
    dropped: after.dropped - before.dropped,
    refused,
    wrong: after.wrong - before.wrong,
    hung: after.hung - before.hung,
    digits: after.digits - before.digits,
    longestMs: after.longestMs,
  };
}
