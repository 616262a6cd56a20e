/**
 * Coded errors, the same over every boundary: worker to worker, worker to client, command line.
 * Codes are the canonical ones of gRPC and TensorFlow Serving. The message is a sentence a person can act on;
 * it never contains a share, a seed, a key or an input.
 */

export const ERROR_CODES = [
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'FAILED_PRECONDITION',
  'RESOURCE_EXHAUSTED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'ABORTED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error as it travels: what went wrong, in words, and which worker says so (or null: the client itself). */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  /** Name of the worker that raised it, for example "bob". */
  readonly worker: string | null;
}

/** The one error class of Trivet's boundaries. */
export class TrivetError extends Error {
  readonly code: ErrorCode;
  readonly worker: string | null;

  constructor(code: ErrorCode, message: string, worker: string | null = null, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TrivetError';
    this.code = code;
    this.worker = worker;
  }

  /** The error as it travels; the cause stays behind. */
  toBody(): ErrorBody {
    return { code: this.code, message: this.message, worker: this.worker };
  }

  static fromBody(body: ErrorBody): TrivetError {
    return new TrivetError(body.code, body.message, body.worker);
  }
}

/** What an acknowledgement carries: a result or a coded error. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorBody };
