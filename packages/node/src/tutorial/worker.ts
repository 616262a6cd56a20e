/** One of the three workers, as a program names it: `sy.TFEWorker` of the Syft Keras tutorial. */
import { TrivetError } from '@trivet/shared-types';

export interface WorkerOptions {
  /** Where clients reach it: "name:port". */
  readonly host: string;
  /** Whether `Cluster.start` runs it as a process of this machine; else it says what to run, and waits. True unless told. */
  readonly autoManaged?: boolean;
}

export class Worker {
  readonly host: string;
  readonly autoManaged: boolean;
  /** Without the port. */
  readonly hostname: string;
  readonly port: number;

  /** @throws TrivetError INVALID_ARGUMENT when the host is none, or one that this machine cannot start a process on */
  constructor({ host, autoManaged = true }: WorkerOptions) {
    const url = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : null;
    const port = Number(/:(\d+)$/.exec(host)?.[1]);
    if (url === null || url.pathname !== '/' || url.username !== '' || !(port >= 1 && port <= 65_535)) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        `A worker's host is "name:port", for example "localhost:4000".`,
      );
    }
    this.host = host;
    this.hostname = url.hostname;
    this.port = port;
    this.autoManaged = autoManaged;
  }

  /** Whether it is this machine by name. */
  get isLocal(): boolean {
    return this.hostname === 'localhost' || this.hostname === '127.0.0.1';
  }
}
