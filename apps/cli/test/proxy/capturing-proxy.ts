/**
 * A reverse proxy in front of a worker's client endpoint that keeps every byte of both ways: what a CDN, or the single
 * origin in front of three workers, has. It reads the websocket, as such a proxy can.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A message of the websocket; of one with bytes, the text before them and the bytes are two. */
export interface Seen {
  readonly toWorker: boolean;
  readonly bytes: Buffer;
  /** Milliseconds. */
  readonly at: number;
}

const OPCODES = { continuation: 0, text: 1, binary: 2 } as const;

/** The messages in one way of a connection, of which bytes come as they come. */
class MessageReader {
  #rest: Buffer = Buffer.alloc(0);
  #isPastHttp = false;
  #message: Buffer[] = [];
  #isBinary = false;

  constructor(private readonly seen: (message: Buffer) => void) {}

  push(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (!this.#isPastHttp) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.#isPastHttp = true;
      this.#rest = this.#rest.subarray(end + 4);
    }
    while (this.#frame());
  }

  /** RFC 6455, section 5.2. @returns whether there was a whole one */
  #frame(): boolean {
    const rest = this.#rest;
    if (rest.length < 2) return false;
    const opcode = rest[0]! & 15;
    const isMasked = (rest[1]! & 128) !== 0;
    let length = rest[1]! & 127;
    let at = 2;
    if (length >= 126) {
      const bytes = length === 126 ? 2 : 8;
      if (rest.length < at + bytes) return false;
      length = bytes === 2 ? rest.readUInt16BE(at) : Number(rest.readBigUInt64BE(at));
      at += bytes;
    }
    const mask = isMasked ? rest.subarray(at, at + 4) : Buffer.alloc(4);
    if (isMasked) at += 4;
    if (rest.length < at + length) return false;
    const payload = Buffer.from(rest.subarray(at, at + length)).map((byte, i) => byte ^ mask[i % 4]!);
    this.#rest = rest.subarray(at + length);
    if (opcode > OPCODES.binary) return true;
    if (opcode !== OPCODES.continuation) this.#isBinary = opcode === OPCODES.binary;
    this.#message.push(Buffer.from(payload));
    if ((rest[0]! & 128) !== 0) this.#whole(Buffer.concat(this.#message.splice(0)));
    return true;
  }

  #whole(message: Buffer): void {
    if (!this.#isBinary) {
      this.seen(message);
      return;
    }
    const end = 2 + message.readUInt16LE(0);
    this.seen(message.subarray(2, end));
    this.seen(message.subarray(end));
  }
}

export class CapturingProxy {
  /** In the order in which they went through. */
  readonly seen: Seen[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      const worker = connect(targetPort, '127.0.0.1');
      this.#join(client, worker, true);
      this.#join(worker, client, false);
    });
  }

  static async start(targetPort: number, listenPort: number): Promise<CapturingProxy> {
    const proxy = new CapturingProxy(targetPort);
    proxy.#server.listen(listenPort, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #join(from: Socket, to: Socket, toWorker: boolean): void {
    this.#sockets.add(from);
    const reader = new MessageReader((bytes) => this.seen.push({ toWorker, bytes, at: performance.now() }));
    from.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      to.write(chunk);
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on('error', () => to.destroy());
  }
}
