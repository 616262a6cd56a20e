/**
 * TensorFlow Serving's REST API on the client's own side: inputs are shared here, sent to the three workers, and their
 * replies added up here. The gateway sees inputs and answers in the clear: it belongs on the machine of whoever has
 * the data, and listens to that machine only unless told otherwise.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SharedModel, VersionChoice } from '@trivet/client';
import { type Cluster, type ProtocolName, TrivetError } from '@trivet/shared-types';
import { readBody } from './body.js';
import { guard } from './guard.js';
import { HttpError, toHttpFailure } from './http-status.js';
import {
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_TIMEOUT_MS,
  DRAIN_MS,
  HEADERS_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_PREDICTIONS,
  REQUEST_TIMEOUT_MS,
} from './limits.js';
import { createGatewayMetrics } from './metrics.js';
import { metadataJson, statusJson } from './model-view.js';
import { parsePredictBody } from './predict-request.js';
import { formatPredictions } from './predict-response.js';
import { type ModelChoice, parseRoute, type Route } from './routes.js';
import { Workers } from './workers.js';

export interface GatewayOptions {
  readonly cluster: Cluster;
  /** A client token, shown to the workers for whoever asks here. */
  readonly token?: string | undefined;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Web origins whose pages may ask; "*": all. None unless told. */
  readonly origins?: readonly string[];
  /** The one that a model is served with unless told. */
  readonly protocol?: ProtocolName | null;
  /** Largest body in bytes, after decompression; {@link DEFAULT_MAX_BODY_BYTES} unless told. */
  readonly maxBodyBytes?: number;
  /** For one prediction; {@link DEFAULT_TIMEOUT_MS} unless told. */
  readonly timeoutMs?: number;
  /** One sentence about what an operator should know: a worker that is lost, a fault. */
  readonly onNotice?: (sentence: string) => void;
}

export interface Gateway {
  readonly url: string;
  /** Answers what is open, for up to ten seconds, then closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts listening; whether the workers are there shows with the first request.
 * @throws TrivetError UNAVAILABLE when the address cannot be listened on
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const service = new Service(options);
  const server = createServer((request, response) => void service.answer(request, response));
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  await listen(server, options.host, options.port);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  let stopping: Promise<void> | undefined;
  return {
    url: `http://${host}:${port}`,
    stop() {
      stopping ??= stop(server, service);
      return stopping;
    },
  };
}

async function stop(server: Server, service: Service): Promise<void> {
  service.stopping = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(timer);
  await service.workers.close();
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'is in use: stop the program that has it, or choose another with --port'
          : `cannot be listened on (${error.code ?? 'unknown error'})`;
      reject(new TrivetError('UNAVAILABLE', `The address ${host}:${port} ${why}.`));
    });
    server.listen(port, host, resolve);
  });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly retryAfterSeconds?: number;
}

class Service {
  readonly workers: Workers;
  /** Connections end with their next answer. */
  stopping = false;
  readonly #options: GatewayOptions;
  readonly #notice: (sentence: string) => void;
  readonly #metrics = createGatewayMetrics(() => this.#predictions);
  #predictions = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#notice = options.onNotice ?? (() => undefined);
    this.workers = new Workers(options.cluster, options.token, this.#notice);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const start = performance.now();
    // The client may leave at any time; nobody is there to be told of the error.
    response.once('error', () => undefined);
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    let kind = 'none';
    let answer: Answer;
    try {
      if (guard(request, response, { host: this.#options.host, origins: this.#options.origins ?? [] })) {
        this.#count('preflight', 204, start);
        return;
      }
      const [path = ''] = (request.url ?? '').split('?', 1);
      const route = parseRoute(request.method ?? '', path);
      kind = route.kind;
      answer = await this.#handle(route, request, gone.signal);
    } catch (error) {
      answer = this.#failed(error);
    }
    this.#send(response, answer);
    this.#count(kind, answer.status, start);
  }

  async #handle(route: Route, request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
    if (route.kind === 'metrics') {
      const { register } = this.#metrics;
      return { status: 200, type: register.contentType, body: await register.metrics() };
    }
    if (route.kind === 'status') return json(statusJson(await this.#versions(route.model, signal)));
    if (route.kind === 'metadata') return json(metadataJson(await this.#find(route.model, signal)));
    if (route.kind === 'predict') return json(await this.#predict(route.model, request, signal));
    await this.#find(route.model, signal);
    throw new TrivetError(
      'INVALID_ARGUMENT',
      `Model "${route.model.name}" has a signature for :predict only, none for :${route.kind}.`,
    );
  }

  async #predict(choice: ModelChoice, request: IncomingMessage, signal: AbortSignal): Promise<string> {
    if (this.#predictions >= MAX_PREDICTIONS) {
      throw new TrivetError(
        'RESOURCE_EXHAUSTED',
        'Too many predictions are under way: try again in a moment.',
      );
    }
    this.#predictions++;
    try {
      const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
      const { protocol = null } = this.#options;
      const text = await readBody(request, maxBodyBytes);
      const client = await this.workers.client();
      const version = versionOf(choice);
      const model =
        client.lastKnown(choice.name, version) ?? requireServing(await this.#find(choice, signal));
      const body = parsePredictBody(text, model);
      const options = { ...version, protocol, timeoutMs, signal };
      const prediction = await client.predict(model.name, body.values, options);
      // The owner may have changed the version meanwhile.
      const answering =
        prediction.version === model.version
          ? model
          : await client.model(model.name, { version: prediction.version, signal });
      this.#metrics.samples.inc(prediction.count);
      return formatPredictions(prediction, answering, body);
    } finally {
      this.#predictions--;
    }
  }

  /** The version of a model that is meant. @throws TrivetError NOT_FOUND; UNAVAILABLE */
  async #find(choice: ModelChoice, signal: AbortSignal): Promise<SharedModel> {
    const client = await this.workers.client();
    return client.model(choice.name, { ...versionOf(choice), signal });
  }

  /** The version that is meant, or when none is named all of them, the highest number first. */
  async #versions(choice: ModelChoice, signal: AbortSignal): Promise<SharedModel[]> {
    const found = await this.#find(choice, signal);
    if (choice.version !== null || choice.label !== null) return [found];
    const client = await this.workers.client();
    const versions = (await client.models({ signal })).filter((model) => model.name === choice.name);
    return versions.sort((left, right) => right.version - left.version);
  }

  #failed(error: unknown): Answer {
    const { status, message, retryAfterSeconds } = toHttpFailure(error);
    // Its stack, and not its message: that may carry an input.
    if (!(error instanceof HttpError) && !(error instanceof TrivetError)) {
      const where =
        error instanceof Error ? error.stack?.split('\n    at ').slice(1, 4).join(' < ') : undefined;
      this.#notice(`A request failed in a way that was not foreseen, at ${where ?? 'an unknown place'}.`);
    }
    const body = `${JSON.stringify({ error: message })}\n`;
    return { status, type: 'application/json', body, ...(retryAfterSeconds && { retryAfterSeconds }) };
  }

  #send(response: ServerResponse, { status, type, body, retryAfterSeconds }: Answer): void {
    if (retryAfterSeconds !== undefined) response.setHeader('retry-after', retryAfterSeconds);
    if (this.stopping) response.setHeader('connection', 'close');
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(body);
  }

  #count(kind: string, status: number, start: number): void {
    this.#metrics.requests.inc({ kind, status });
    this.#metrics.seconds.observe({ kind }, (performance.now() - start) / 1000);
  }
}

function json(body: string): Answer {
  return { status: 200, type: 'application/json', body };
}

function versionOf({ version, label }: ModelChoice): VersionChoice {
  return { version: version ?? undefined, label: label ?? undefined };
}

/** TensorFlow Serving answers 404 for a version that it knows and does not serve. */
function requireServing(model: SharedModel): SharedModel {
  const { name, version, state } = model;
  if (state === 'START' || state === 'END') {
    const advice = `its owner starts that with \`trivet serve ${name}\``;
    throw new TrivetError(
      'NOT_FOUND',
      `Version ${version} of model "${name}" is shared but not served: ${advice}.`,
    );
  }
  return model;
}
