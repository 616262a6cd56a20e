/** The operator's own address, when the configuration names one: health, readiness and metrics, apart from the clients. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 10_000;

export class OperatorEndpoint {
  readonly #server: Server;

  constructor(
    private readonly address: { readonly host: string; readonly port: number },
    listener: RequestListener,
  ) {
    this.#server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, listener);
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws the listen error, for example EADDRINUSE */
  async start(): Promise<void> {
    this.#server.listen(this.address.port, this.address.host);
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
