/**
 * The client endpoint: socket.io over WebSocket, and health, readiness and metrics over HTTP, on one port.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { CLIENT_LIMITS, JOINED_HEAD_BYTES, joinedParser, SEALED_EVENT_BYTES } from '@trivet/shared-types';
import { Server, type Socket } from 'socket.io';
import type { Model } from '../serving/models.js';
import { CertificateFiles, type CertificatePair } from './certificate-files.js';
import { ClientConnection, type ConnectionContext } from './connection.js';
import { isAllowedOrigin } from './origins.js';
import { type ConnectionTraffic, type EngineConnection, Traffic, UNREAD_BYTES } from './traffic.js';
import { watchUnsealed } from './unsealed.js';

const STATUS_EVERY_MS = 1000;
/** That many watchers are told so often; of more, each in turn. What has changed is told to all, at once. */
const PERIODIC_PUSHES = 50;
/** A connection that has not joined by then is closed. */
const CONNECT_TIMEOUT_MS = 5000;
/** So long may it take to take leave, once a connection is over. */
const LEAVE_MS = 1000;
/** How often connections are looked at that send half of an HTTP request, or nothing. */
const LOOK_EVERY_MS = 1000;
/** Connections of other kinds than clients': monitoring, load balancers, whoever has not said yet. */
const OTHER_CONNECTIONS = 256;
/** What a message has around it on its way, at most. */
const FRAMING_BYTES = 65_536;
/** Several changes in a row are one push. */
const COALESCE_MS = 20;

/** A connection as it is before a client has made itself known on it. */
interface Arrival {
  readonly traffic: ConnectionTraffic;
  readonly sealed: () => void;
  /** Ends it at once, and counts it. */
  readonly end: () => void;
  /** Whether a client has. */
  joined: boolean;
}

export interface EndpointOptions extends ConnectionContext {
  readonly tls: CertificatePair | null;
  /** Answers plain HTTP requests. */
  readonly http: RequestListener;
}

export class ClientEndpoint {
  readonly #connections = new Set<ClientConnection>();
  readonly #arrivals = new WeakMap<EngineConnection, Arrival>();
  readonly #traffic: Traffic;
  readonly #http: HttpServer;
  readonly #certificate: CertificateFiles | null;
  readonly #io: Server;
  #periodic: NodeJS.Timeout | undefined;
  #pushing: NodeJS.Timeout | undefined;
  /** How many watchers have had their turn. */
  #turn = 0;

  constructor(private readonly options: EndpointOptions) {
    const { config, http, tls } = options;
    const patience = {
      headersTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: CONNECT_TIMEOUT_MS,
      connectionsCheckingInterval: LOOK_EVERY_MS,
    };
    if (tls === null || config.client.tls === null) {
      this.#http = createHttpServer(patience, http);
      this.#certificate = null;
    } else {
      const secure = { ...tls, minVersion: 'TLSv1.2', handshakeTimeout: CONNECT_TIMEOUT_MS } as const;
      const server = createHttpsServer({ ...patience, ...secure }, http);
      this.#http = server;
      this.#certificate = new CertificateFiles(config.client.tls, tls, server, options.log);
    }
    this.#http.maxConnections = config.limits.maxConnections + OTHER_CONNECTIONS;
    const maxMessageBytes = CLIENT_LIMITS.maxMessageBytes + SEALED_EVENT_BYTES;
    this.#traffic = new Traffic({
      unfinished: maxMessageBytes + FRAMING_BYTES,
      unread: UNREAD_BYTES,
      total: config.limits.maxRequestBytes,
    });
    this.#io = new Server(this.#http, {
      transports: ['websocket'],
      parser: joinedParser,
      serveClient: false,
      maxHttpBufferSize: maxMessageBytes + JOINED_HEAD_BYTES,
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
    this.#io.engine.on('connection', (connection: EngineConnection) => this.#arrived(connection));
    this.#io.on('connection', (socket) => this.#joined(socket));
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
    this.#periodic = setInterval(() => this.#push(this.#nextWatchers()), STATUS_EVERY_MS);
  }

  /** Watchers are told within a moment. */
  changed(): void {
    this.#pushing ??= setTimeout(() => {
      this.#pushing = undefined;
      this.#push(this.#watchers());
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

  #arrived(connection: EngineConnection): void {
    const { socket: raw } = connection.request;
    const { log, metrics } = this.options;
    const { remoteAddress: address } = raw;
    const end = (reason: string) => {
      metrics.closedConnections.inc({ reason });
      log.debug({ address, reason }, 'a connection was closed');
      // Whoever does not keep to the rules may not read a farewell either.
      raw.destroy();
    };
    const traffic = this.#traffic.watch(connection, raw, () => end('memory'));
    const sealed = watchUnsealed(raw, () => end('unsealed'));
    connection.on('close', () => {
      sealed();
      // The websocket would wait for half a minute until the other end takes leave too.
      const timer = setTimeout(() => raw.destroy(), LEAVE_MS);
      if (raw.destroyed) clearTimeout(timer);
      else raw.once('close', () => clearTimeout(timer));
    });
    this.#arrivals.set(connection, { traffic, sealed, end: () => end('protocol'), joined: false });
  }

  #joined(socket: Socket): void {
    const arrival = this.#arrivals.get(socket.conn);
    // socket.io lets a connection join twice when it asks for that twice in one breath.
    if (arrival === undefined || arrival.joined) {
      arrival?.end();
      return;
    }
    arrival.joined = true;
    const { sealed, traffic } = arrival;
    const connection = new ClientConnection(socket, { ...this.options, sealed, traffic });
    this.#connections.add(connection);
    socket.on('disconnect', () => {
      this.#connections.delete(connection);
      // It may leave and keep the line, on which nobody would watch it any more.
      socket.conn.close();
    });
  }

  #watchers(): ClientConnection[] {
    return [...this.#connections].filter((connection) => connection.watching);
  }

  /** Those whose turn it is. */
  #nextWatchers(): ClientConnection[] {
    const watchers = this.#watchers();
    const first = this.#turn < watchers.length ? this.#turn : 0;
    this.#turn = first + PERIODIC_PUSHES;
    return watchers.slice(first, this.#turn);
  }

  #push(watchers: readonly ClientConnection[]): void {
    for (const watcher of watchers) watcher.pushStatus();
  }
}
