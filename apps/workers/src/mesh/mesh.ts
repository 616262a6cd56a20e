/**
 * The three workers' connections to each other: TLS 1.3 with certificates of the cluster's own authority at both
 * ends. Each worker dials those with a lower index than its own and accepts only those with a higher one, so every pair has one
 * link. A link that breaks is dialled again, with backoff, until the mesh is closed. Only who dials reads into buffers of its
 * own (see `#dial`); so by default both evaluators do, who are sent what is dealt.
 *
 * Rejected: socket.io and ws between workers (two to four times the round-trip time, see docs/decisions).
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { OnReadOpts } from 'node:net';
import { connect, createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { BufferPool, ReadBuffers } from './buffers.js';
import { FRAME_KINDS, type FrameKind, type SessionKey } from './frames.js';
import { isCertificateOf, meshIdentity } from './identity.js';
import { Link, type LinkOptions, type Peer } from './link.js';
import { decodeJson, encodeJson, helloSchema, MESH_VERSION } from './messages.js';

const ALPN = 'trivet-mesh/1';
const HELLO_TIMEOUT_MS = 5000;
const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 500;
const MAX_SOCKETS = 64;
/** The first is the cheapest by a tenth where processors have instructions for AES, at the 128 bits of all that is sent. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

export interface MeshPeer extends Peer {
  readonly host: string;
  readonly port: number;
}

export interface MeshOptions {
  readonly clusterId: string;
  readonly self: Peer;
  readonly host: string;
  readonly port: number;
  readonly peers: readonly MeshPeer[];
  readonly certificate: Buffer | string;
  readonly key: Buffer | string;
  readonly ca: Buffer | string;
  readonly heartbeatMs: number;
  readonly peerTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly handler: MeshHandler;
}

/** Told of everything that happens; calls are synchronous and in order. */
export interface MeshHandler {
  linkUp(link: Link): void;
  linkDown(link: Link, error: TrivetError): void;
  frame(link: Link, kind: FrameKind, session: SessionKey, step: number, payload: Uint8Array): void;
  /** Somebody without a valid certificate, or not the worker expected, has tried to connect. */
  refused(reason: string): void;
}

/** A peer that this worker dials. */
interface Dial {
  readonly peer: MeshPeer;
  redial: NodeJS.Timeout | undefined;
  backoffMs: number;
}

export class Mesh {
  readonly #links: (Link | undefined)[] = [undefined, undefined, undefined];
  readonly #sockets = new Set<TLSSocket>();
  readonly #server: Server;
  readonly #credentials: SecureContextOptions;
  readonly #dials: readonly Dial[];
  #closed = false;
  readonly #buffers = new BufferPool();

  constructor(private readonly options: MeshOptions) {
    const { ca, certificate, key } = options;
    this.#credentials = { ca, cert: certificate, key, minVersion: 'TLSv1.3', ciphers: CIPHERS };
    this.#dials = options.peers
      .filter(({ index }) => index < options.self.index)
      .map((peer) => ({ peer, redial: undefined, backoffMs: FIRST_BACKOFF_MS }));
    this.#server = createServer({
      ...this.#credentials,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: [ALPN],
      handshakeTimeout: HELLO_TIMEOUT_MS,
      noDelay: true,
    });
    this.#server.maxConnections = MAX_SOCKETS;
    this.#server.on('secureConnection', (socket) =>
      this.#greet(socket, this.#whoDials(socket), {
        incoming: (receive) => socket.on('data', receive),
      }),
    );
    this.#server.on('tlsClientError', (error) => {
      this.options.handler.refused(
        (error as NodeJS.ErrnoException).code ?? 'the connection failed its handshake',
      );
    });
  }

  /** Listens, and begins to dial. @throws the listen error, for example EADDRINUSE */
  async start(): Promise<void> {
    this.#server.listen(this.options.port, this.options.host);
    await once(this.#server, 'listening');
    for (const dial of this.#dials) this.#dial(dial);
  }

  /** The live link to a worker, or undefined. */
  link(index: PartyIndex): Link | undefined {
    return this.#links[index];
  }

  /** How many buffers of frames, and of what is read, were made: a steady load makes none. */
  get buffersMade(): number {
    return this.#buffers.made;
  }

  /** Sends a frame to every connected peer. */
  broadcast(kind: FrameKind, payload: Uint8Array): void {
    for (const link of this.#links) link?.send(kind, payload);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const { redial } of this.#dials) clearTimeout(redial);
    const { name } = this.options.self;
    for (const link of this.#links) link?.close(new TrivetError('UNAVAILABLE', `${name} is stopping.`, name));
    const closed = once(this.#server, 'close');
    this.#server.close();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, 300);
    await closed;
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Which of those that may dial this worker a certificate says it is. */
  #whoDials(socket: TLSSocket): MeshPeer | undefined {
    const { clusterId, peers, self } = this.options;
    const certificate = socket.getPeerCertificate();
    return peers.find(
      ({ index, name }) => index > self.index && isCertificateOf(certificate, clusterId, name),
    );
  }

  #dial(dial: Dial): void {
    if (this.#closed) return;
    const { peer } = dial;
    const { clusterId } = this.options;
    const identity = meshIdentity(clusterId, peer.name);
    let receive: ((chunk: Buffer) => void) | undefined;
    // Buffers of ours, where Node would make one for each TLS record. Only who dials can ask for it.
    const reads = new ReadBuffers(this.#buffers);
    const reading: { readonly onread: OnReadOpts } = {
      onread: {
        buffer: () => reads.next(),
        callback: (bytes, chunk) => {
          receive?.(Buffer.from(chunk.buffer as ArrayBuffer, chunk.byteOffset, bytes));
          return true;
        },
      },
    };
    const socket = connect({
      ...reading,
      ...this.#credentials,
      host: peer.host,
      port: peer.port,
      servername: identity,
      ALPNProtocols: [ALPN],
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) =>
        isCertificateOf(certificate, clusterId, peer.name)
          ? undefined
          : new Error(`the certificate at ${peer.host}:${peer.port} is not ${peer.name}'s`),
    });
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), HELLO_TIMEOUT_MS);
    socket.on('secureConnect', () => {
      clearTimeout(timer);
      const incoming: LinkOptions['incoming'] = (handler) => {
        receive = handler;
      };
      this.#greet(socket, peer, { incoming, reads });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // While a peer is away its port refuses connections, many times a second: no news.
      if (error.code !== 'ECONNREFUSED') this.options.handler.refused(error.code ?? error.message);
    });
    socket.on('close', () => {
      clearTimeout(timer);
      this.#dialLater(dial);
    });
  }

  #dialLater(dial: Dial): void {
    if (this.#closed) return;
    const { backoffMs, redial } = dial;
    clearTimeout(redial);
    // Jitter, so that workers that start together do not stay in step.
    dial.redial = setTimeout(() => this.#dial(dial), randomInt(backoffMs / 2, backoffMs + 1));
    dial.backoffMs = Math.min(2 * backoffMs, LAST_BACKOFF_MS);
  }

  /** The handshake is done: checks who it is, says hello, waits for theirs. */
  #greet(
    socket: TLSSocket,
    peer: MeshPeer | undefined,
    reading: Pick<LinkOptions, 'incoming' | 'reads'>,
  ): void {
    const { clusterId, self, handler } = this.options;
    if (this.#closed || peer === undefined || !socket.authorized || socket.alpnProtocol !== ALPN) {
      if (!this.#closed)
        handler.refused('a connection has the certificate of nobody who may dial this worker');
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    let greeted = false;
    const timer = setTimeout(() => socket.destroy(), HELLO_TIMEOUT_MS);
    socket.on('close', () => {
      clearTimeout(timer);
      this.#sockets.delete(socket);
    });
    const link = new Link(socket, {
      self: self.name,
      peer: { index: peer.index, name: peer.name },
      pool: this.#buffers,
      ...reading,
      maxFrameBytes: this.options.maxFrameBytes,
      heartbeatMs: this.options.heartbeatMs,
      peerTimeoutMs: this.options.peerTimeoutMs,
      onFrame: (_, kind, session, step, payload) => {
        if (greeted) {
          handler.frame(link, kind, session, step, payload);
          return;
        }
        this.#checkHello(kind, payload, peer);
        greeted = true;
        clearTimeout(timer);
        this.#up(link);
      },
      onClose: (_, error) => {
        clearTimeout(timer);
        if (greeted) this.#down(link, error);
      },
    });
    const hello = {
      mesh: MESH_VERSION,
      clusterId,
      from: self.index,
      to: peer.index,
      name: self.name,
    };
    link.send(FRAME_KINDS.hello, encodeJson(hello));
  }

  #checkHello(kind: FrameKind, payload: Uint8Array, peer: MeshPeer): void {
    if (kind !== FRAME_KINDS.hello) throw new TrivetError('INVALID_ARGUMENT', 'The first frame is no hello.');
    const hello = decodeJson(helloSchema, payload, 'The hello');
    const { clusterId, self } = this.options;
    const expected = [clusterId, peer.index, self.index, peer.name];
    if ([hello.clusterId, hello.from, hello.to, hello.name].some((field, i) => field !== expected[i])) {
      throw new TrivetError('INVALID_ARGUMENT', 'The hello is meant for another worker.');
    }
  }

  #up(link: Link): void {
    const dial = this.#dials.find(({ peer }) => peer.index === link.peer.index);
    if (dial !== undefined) dial.backoffMs = FIRST_BACKOFF_MS;
    const old = this.#links[link.peer.index];
    old?.close(
      new TrivetError('UNAVAILABLE', `${link.peer.name} has connected anew.`, this.options.self.name),
    );
    this.#links[link.peer.index] = link;
    link.startHeartbeat();
    this.options.handler.linkUp(link);
  }

  #down(link: Link, error: TrivetError): void {
    if (this.#links[link.peer.index] === link) this.#links[link.peer.index] = undefined;
    this.options.handler.linkDown(link, error);
  }
}
