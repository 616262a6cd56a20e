/** Clients in a process of their own, which puts a cluster under load, as often as it is told to. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TrivetError } from '@trivet/shared-types';
import type { LoadMessage, LoadOrder, LoadResult } from './load-process.js';

/** The built program; this file's folder is three below the package, in src and in dist. */
const PROGRAM = fileURLToPath(new URL('../../../dist/bench/load/load-process.js', import.meta.url));

export class LoadProcess {
  readonly #child: ChildProcess = fork(PROGRAM, { execArgv: [] });
  readonly #exited = once(this.#child, 'exit');
  readonly #cancel = () => this.#child.kill('SIGKILL');

  /** @param signal ends it, whatever it does */
  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', this.#cancel, { once: true });
  }

  /**
   * One load at a time.
   * @param onMeasure called when the measurement begins, after the warm-up; `pid` is the clients' process
   * @param onDone called when it has ended, before the clients close
   * @throws TrivetError UNAVAILABLE when a client fails, CANCELLED
   */
  async run(
    order: LoadOrder,
    onMeasure: (pid: number) => Promise<void> = async () => {},
    onDone: (pid: number) => Promise<void> = async () => {},
  ): Promise<LoadResult> {
    const child = this.#child;
    const settled = new AbortController();
    try {
      return await new Promise<LoadResult>((resolve, reject) => {
        const fail = (why: string) => {
          reject(new TrivetError('UNAVAILABLE', `The clients under load: ${why}.`));
        };
        const ended = () => fail('their process ended');
        const told = (message: LoadMessage) => {
          if (message.kind === 'measuring') onMeasure(child.pid!).catch(reject);
          else if (message.kind === 'failed') fail(message.message);
          else onDone(child.pid!).then(() => resolve(message.result), reject);
        };
        child.once('exit', ended);
        child.on('message', told);
        settled.signal.addEventListener('abort', () => child.off('exit', ended).off('message', told));
        if (child.exitCode !== null || child.signalCode !== null) ended();
        else child.send(order);
      });
    } catch (error) {
      throw this.signal.aborted ? new TrivetError('CANCELLED', 'Interrupted.') : error;
    } finally {
      settled.abort();
    }
  }

  async close(): Promise<void> {
    this.signal.removeEventListener('abort', this.#cancel);
    if (this.#child.connected) this.#child.disconnect();
    await this.#exited;
  }
}
