/** Health, readiness and metrics over HTTP. Nothing here is secret, and nothing can be changed. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

export interface Observable {
  readonly register: Registry;
  /** Names of what the worker still waits for; empty when it is ready. */
  missing(): readonly string[];
}

/**
 * `/healthz`: the process answers. `/readyz`: a prediction could run now, else 503 and what is missing.
 * `/metrics`: Prometheus text.
 */
export function createHttpListener(observable: Observable): RequestListener {
  return (request, response) => {
    answer(observable, request, response).catch(() => {
      if (!response.headersSent) send(response, 500, 'application/json', '{"status":"error"}\n');
      else response.destroy();
    });
  };
}

async function answer(
  observable: Observable,
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
    send(
      response,
      missing.length === 0 ? 200 : 503,
      'application/json',
      `${JSON.stringify({ status, missing })}\n`,
    );
  } else if (path === '/metrics') {
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
