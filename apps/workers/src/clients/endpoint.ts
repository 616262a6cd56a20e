/**
 * The client endpoint: socket.io over WebSocket, and health, readiness and metrics over HTTP, on one port.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { CLIENT_LIMITS, SEALED_EVENT_BYTES } from '@trivet/shared-types';
import { Server } from 'socket.io';
import type { Model } from '../serving/models.js';
import { CertificateFiles, type CertificatePair } from './certificate-files.js';
import { ClientConnection, type ConnectionContext } from './connection.js';
import { isAllowedOrigin } from './origins.js';

const STATUS_EVERY_MS = 1000;
/** A connection that has not joined by then is closed. */
const CONNECT_TIMEOUT_MS = 5000;
/** Several changes in a row are one push. */
const COALESCE_MS = 20;

export interface EndpointOptions extends ConnectionContext {
  readonly tls: CertificatePair | null;
  /** Answers plain HTTP requests. */
  readonly http: RequestListener;
}

export class ClientEndpoint {
  readonly #connections = new Set<ClientConnection>();
  readonly #http: HttpServer;
  readonly #certificate: CertificateFiles | null;
  readonly #io: Server;
  #periodic: NodeJS.Timeout | undefined;
  #pushing: NodeJS.Timeout | undefined;

  constructor(private readonly options: EndpointOptions) {
    const { config, http, tls } = options;
    if (tls === null || config.client.tls === null) {
      this.#http = createHttpServer(http);
      this.#certificate = null;
    } else {
      const server = createHttpsServer({ ...tls, minVersion: 'TLSv1.2' }, http);
      this.#http = server;
      this.#certificate = new CertificateFiles(config.client.tls, tls, server, options.log);
    }
    this.#io = new Server(this.#http, {
      transports: ['websocket'],
      serveClient: false,
      maxHttpBufferSize: CLIENT_LIMITS.maxMessageBytes + SEALED_EVENT_BYTES,
      perMessageDeflate: false,
      connectTimeout: CONNECT_TIMEOUT_MS,
      pingInterval: 10_000,
      pingTimeout: 10_000,
      allowRequest: (request, decide) => {
        if (!isAllowedOrigin(request.headers.origin, config.client.origins)) {
          decide('origin not allowed', false);
        } else if (this.#io.engine.clientsCount >= config.limits.maxConnections) {
          decide('too many connections', false);
        } else {
          decide(null, true);
        }
      },
    });
    this.#io.on('connection', (socket) => {
      const connection = new ClientConnection(socket, options);
      this.#connections.add(connection);
      socket.on('disconnect', () => this.#connections.delete(connection));
    });
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** The port it listens on. */
  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  /** @throws the listen error, for example EADDRINUSE */
  async start(): Promise<void> {
    const { host, port } = this.options.config.client;
    this.#http.listen(port, host);
    await once(this.#http, 'listening');
    this.#periodic = setInterval(() => this.#push(), STATUS_EVERY_MS);
  }

  /** Watchers are told within a moment. */
  changed(): void {
    this.#pushing ??= setTimeout(() => {
      this.#pushing = undefined;
      this.#push();
    }, COALESCE_MS);
  }

  served(model: Model): void {
    for (const connection of this.#connections) connection.pushServed(model);
  }

  /** Reads certificate and key anew, where there are any. */
  async reloadCertificate(): Promise<void> {
    await this.#certificate?.reload();
  }

  async close(): Promise<void> {
    await this.#certificate?.close();
    clearInterval(this.#periodic);
    clearTimeout(this.#pushing);
    if (!this.#http.listening) return;
    const closed = once(this.#http, 'close');
    await this.#io.close();
    this.#http.closeAllConnections();
    await closed;
  }

  #push(): void {
    const watchers = [...this.#connections].filter((connection) => connection.watching);
    if (watchers.length === 0) return;
    const status = this.options.status();
    for (const watcher of watchers) watcher.pushStatus(status);
  }
}
