/** When several workers fail at once, which failure to tell. */
import { type ErrorCode, TrivetError } from '@trivet/shared-types';

/**
 * From the most telling to the least. A lost peer explains what the others report (ABORTED); a refusal explains more
 * than its consequences; CANCELLED is what the client itself asked of the workers that had not failed.
 */
const MOST_TELLING: readonly ErrorCode[] = [
  'UNAVAILABLE',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'FAILED_PRECONDITION',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'INVALID_ARGUMENT',
  'RESOURCE_EXHAUSTED',
  'INTERNAL',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'CANCELLED',
];

/** Codes after which the same prediction, with fresh randomness, may well succeed. */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'ABORTED', 'RESOURCE_EXHAUSTED']);

export function isTransient(error: unknown): boolean {
  return error instanceof TrivetError && TRANSIENT.has(error.code);
}

/** Any thrown value as a coded error. */
export function toTrivetError(error: unknown, worker: string | null = null): TrivetError {
  if (error instanceof TrivetError) return error;
  const message = error instanceof Error ? error.message : 'Something that is not an error was thrown.';
  return new TrivetError('INTERNAL', message, worker, { cause: error });
}

/** The most telling of some errors; the first of equals. The others stay as its cause. */
export function mostTelling(errors: readonly TrivetError[]): TrivetError {
  const rank = (error: TrivetError) => MOST_TELLING.indexOf(error.code);
  const [best, ...others] = [...errors].sort((left, right) => rank(left) - rank(right));
  if (best === undefined) return new TrivetError('INTERNAL', 'No error was reported.');
  if (others.length === 0 || best.cause !== undefined) return best;
  return new TrivetError(best.code, best.message, best.worker, { cause: new AggregateError(others) });
}

/**
 * The results of work done with three workers at once.
 * @throws TrivetError the most telling failure, after all three have settled
 */
export async function allOrMostTelling<T>(
  work: readonly [Promise<T>, Promise<T>, Promise<T>],
): Promise<[T, T, T]> {
  const settled = await Promise.allSettled(work);
  const failures = settled.flatMap((one) => (one.status === 'rejected' ? [toTrivetError(one.reason)] : []));
  if (failures.length > 0) throw mostTelling(failures);
  return Promise.all(work);
}
