/**
 * Health, readiness and metrics over HTTP. Nothing can be changed here. How much is used by whom is the operator's to know:
 * on the clients' port it is told to the operator's own machine at most.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { isFromThisMachine } from '../access/this-machine.js';

export interface Observable {
  readonly register: Registry;
  /** Names of what the worker still waits for; empty when it is ready. */
  missing(): readonly string[];
}

/** Whom a listener tells what is the operator's: everybody, those on its own machine, or nobody. */
export type Audience = 'everybody' | 'this machine' | 'nobody';

/**
 * `/healthz`: the process answers. `/readyz`: a prediction could run now, else 503; for the operator, what is missing.
 * `/metrics`, for the operator: Prometheus text.
 */
export function createHttpListener(observable: Observable, audience: Audience): RequestListener {
  return (request, response) => {
    const { headers, socket } = request;
    const isOperator =
      audience === 'everybody' ||
      (audience === 'this machine' && isFromThisMachine({ address: socket.remoteAddress, headers }));
    answer(observable, isOperator, request, response).catch(() => {
      if (!response.headersSent) send(response, 500, 'application/json', '{"status":"error"}\n');
      else response.destroy();
    });
  };
}

async function answer(
  observable: Observable,
  isOperator: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?', 1)[0];
  request.resume();
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, 'application/json', '{"status":"method not allowed"}\n');
  } else if (path === '/healthz') {
    send(response, 200, 'application/json', '{"status":"ok"}\n');
  } else if (path === '/readyz') {
    const missing = observable.missing();
    const status = missing.length === 0 ? 'ready' : 'not ready';
    const body = isOperator ? { status, missing } : { status };
    send(response, missing.length === 0 ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`);
  } else if (path === '/metrics' && isOperator) {
    send(response, 200, observable.register.contentType, await observable.register.metrics());
  } else {
    send(response, 404, 'application/json', '{"status":"not found"}\n');
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
}
