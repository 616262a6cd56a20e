/**
 * One worker as a child process. An IPC channel ties it to this process: when this one dies, however it dies, the
 * channel closes and the worker shuts down.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { keepOn } from './cores.js';

/** The worker's program, as built; its package's entry is in `dist`, or in `src` where sources are run. */
const MAIN = join(dirname(createRequire(import.meta.url).resolve('@trivet/workers')), '../dist/main.js');
/** A worker answers what is open for up to five seconds before it closes. */
const STOP_TIMEOUT_MS = 10_000;

export interface WorkerExit {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines it wrote. */
  readonly lastWords: string;
}

export class WorkerProcess {
  readonly name: string;
  readonly configFile: string;
  /** What it writes, standard output and error together. */
  readonly logFile: string;
  readonly #onExit: (exit: WorkerExit) => void;
  #child: ChildProcess | null = null;
  #expected = false;

  /**
   * @param onExit called when the process ends without having been told to
   * @param core where its main thread is kept; null: anywhere
   */
  constructor(
    name: string,
    configFile: string,
    logFile: string,
    onExit: (exit: WorkerExit) => void,
    private readonly core: number | null = null,
  ) {
    this.name = name;
    this.configFile = configFile;
    this.logFile = logFile;
    this.#onExit = onExit;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @param nodeArguments further ones for Node.js itself, before the program */
  start(nodeArguments: readonly string[] = []): void {
    if (this.#child !== null) throw new Error(`Worker ${this.name} is running already.`);
    const log = openSync(this.logFile, 'a', 0o600);
    try {
      const child = spawn(process.execPath, [...nodeArguments, MAIN, '--config', this.configFile], {
        stdio: ['ignore', log, log, 'ipc'],
        // A process group of its own: Ctrl-C in a terminal is for the parent, which then stops its workers in order.
        detached: process.platform !== 'win32',
      });
      this.#child = child;
      this.#expected = false;
      if (this.core !== null && child.pid !== undefined) keepOn(this.core, child.pid);
      child.once('error', () => void this.#ended(child, null, null));
      child.once('exit', (code, signal) => void this.#ended(child, code, signal));
    } finally {
      closeSync(log);
    }
  }

  /** Ends it and waits until it has ended; a graceful stop that takes too long becomes SIGKILL. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#expected = true;
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  async #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): Promise<void> {
    if (this.#child !== child) return;
    this.#child = null;
    if (this.#expected) return;
    const log = await readFile(this.logFile, 'utf8').catch(() => '');
    const lastWords = log.trimEnd().split('\n').slice(-3).join('\n');
    this.#onExit({ name: this.name, code, signal, lastWords });
  }
}
