/**
 * Who may ask. The gateway has no login: whoever reaches it may use it, and it reads every input. So it listens to
 * this machine only unless told, and then two things are left to refuse: web pages that the user happens to visit,
 * whose requests carry an Origin; and names that somebody else's DNS points at this machine (DNS rebinding), which
 * show in Host.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { HttpError } from './http-status.js';

export interface GuardOptions {
  /** Where the gateway listens. */
  readonly host: string;
  /** Web origins whose pages may ask; "*": all. */
  readonly origins: readonly string[];
}

const PREFLIGHT_SECONDS = 600;

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Refuses what must not be answered, and sets the headers that let an allowed page read the answer.
 * @returns whether the request was a preflight: it has been answered
 * @throws HttpError 403
 */
export function guard(request: IncomingMessage, response: ServerResponse, options: GuardOptions): boolean {
  if (isLoopback(options.host) && !isLoopback(hostName(request.headers.host))) {
    throw new HttpError(403, 'The Host header does not name this machine: ask for http://localhost.');
  }
  const { origin } = request.headers;
  if (origin === undefined) return false;
  response.setHeader('vary', 'Origin');
  if (!options.origins.includes('*') && !options.origins.includes(origin)) {
    throw new HttpError(
      403,
      'Pages of this origin may not ask: allow it with `trivet gateway --cors ORIGIN`.',
    );
  }
  response.setHeader('access-control-allow-origin', origin);
  if (request.method !== 'OPTIONS') return false;
  response.setHeader('access-control-allow-methods', 'GET, POST');
  response.setHeader('access-control-allow-headers', 'Content-Type');
  response.setHeader('access-control-max-age', String(PREFLIGHT_SECONDS));
  // Chromium asks before a public page may reach a private address.
  if (request.headers['access-control-request-private-network'] === 'true') {
    response.setHeader('access-control-allow-private-network', 'true');
  }
  response.writeHead(204).end();
  return true;
}

/** The name in a Host header, without port and brackets. */
function hostName(header: string | undefined): string {
  return (header ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}
