/**
 * Errors as HTTP, as TensorFlow Serving's HTTP server maps the canonical codes (`ToHTTPStatusCode` in its
 * `model_servers/http_server.cc`): a client that retries on 429 and 503 need not be told anything new.
 */
import { RefusedHereError } from '@trivet/client';
import { type ErrorCode, TrivetError } from '@trivet/shared-types';

const HTTP_STATUS: Record<ErrorCode, number> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  // nginx's "client closed request", which TensorFlow Serving uses too.
  CANCELLED: 499,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

/** An error that HTTP has a status of its own for, beside those of the canonical codes. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface HttpFailure {
  readonly status: number;
  /** A sentence; it never repeats an input. */
  readonly message: string;
  /** For the header of that name (RFC 9110, section 10.2.3). */
  readonly retryAfterSeconds?: number;
}

export function toHttpFailure(error: unknown): HttpFailure {
  if (error instanceof HttpError) return { status: error.status, message: error.message };
  if (error instanceof RefusedHereError) {
    const { code, message, retryAfterMs } = error;
    return { status: HTTP_STATUS[code], message, retryAfterSeconds: Math.ceil(retryAfterMs / 1000) };
  }
  if (error instanceof TrivetError) return { status: HTTP_STATUS[error.code], message: error.message };
  // What was not foreseen may carry anything in its message, an input too.
  return { status: 500, message: 'The gateway failed; its own log says why.' };
}
