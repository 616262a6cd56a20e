/**
 * The worker's program: `node dist/main.js --config alice.json`.
 *
 * Exit codes, after sysexits.h: 0 stopped by a signal; 64 wrong use; 69 a port is not free; 70 a fault of the program;
 * 78 the configuration, or a file it names, is not usable.
 */
import { parseArgs } from 'node:util';
import { TrivetError } from '@trivet/shared-types';
import { loadWorkerConfig } from './config/load.js';
import { tuneV8 } from './tune-v8.js';
import { type RunningWorker, startWorker } from './worker.js';

const EXIT = { usage: 64, unavailable: 69, software: 70, config: 78 } as const;
/** A shutdown that takes longer is cut short. */
const SHUTDOWN_MS = 10_000;

async function main(): Promise<void> {
  tuneV8();
  const file = configFile();
  if (file === undefined) {
    fail(EXIT.usage, 'Usage: node main.js --config FILE');
    return;
  }
  let worker: RunningWorker | undefined;
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(EXIT.software), SHUTDOWN_MS).unref();
    await worker?.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  onParentGone(stop);
  try {
    // A hang-up before the worker runs must not end it.
    process.on('SIGHUP', () => void worker?.reloadKeys());
    worker = await startWorker(await loadWorkerConfig(file), { processMetrics: true });
  } catch (error) {
    if (!(error instanceof TrivetError)) throw error;
    fail(error.code === 'UNAVAILABLE' ? EXIT.unavailable : EXIT.config, error.message);
  }
}

/** Started with an IPC channel, a worker ends with its parent, however that dies. */
function onParentGone(stop: () => void): void {
  process.once('disconnect', stop);
  // It may be gone already; without a channel there is no `send`.
  if (process.send !== undefined && !process.connected) stop();
}

function configFile(): string | undefined {
  try {
    return parseArgs({ options: { config: { type: 'string' } }, strict: true }).values.config;
  } catch {
    return undefined;
  }
}

function fail(code: number, sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exit(code);
}

/** A fault leaves the state unknown: the process ends, and whoever watches it starts a fresh one. */
function crash(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(EXIT.software);
}

process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
await main();
