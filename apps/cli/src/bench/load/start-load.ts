/** Runs clients in their own process against a cluster. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TrivetError } from '@trivet/shared-types';
import type { LoadMessage, LoadOrder, LoadResult } from './load-process.js';

/** The built program; this file's folder is three below the package, in src and in dist. */
const PROGRAM = fileURLToPath(new URL('../../../dist/bench/load/load-process.js', import.meta.url));

/**
 * @param onMeasure called when the measurement begins, after the warm-up; `pid` is the clients' process
 * @param onDone called when it has ended, before the clients close
 * @throws TrivetError UNAVAILABLE when a client fails, CANCELLED
 */
export async function runLoad(
  order: LoadOrder,
  signal: AbortSignal,
  onMeasure: (pid: number) => Promise<void>,
  onDone: (pid: number) => Promise<void>,
): Promise<LoadResult> {
  const child = fork(PROGRAM, { execArgv: [] });
  const exited = once(child, 'exit');
  const cancel = () => child.kill('SIGKILL');
  signal.addEventListener('abort', cancel, { once: true });
  try {
    child.send(order);
    return await new Promise<LoadResult>((resolve, reject) => {
      const fail = (why: string) => reject(new TrivetError('UNAVAILABLE', `The clients under load: ${why}.`));
      child.once('exit', () => fail('their process ended'));
      child.on('message', (message: LoadMessage) => {
        if (message.kind === 'measuring') onMeasure(child.pid!).catch(reject);
        else if (message.kind === 'failed') fail(message.message);
        else onDone(child.pid!).then(() => resolve(message.result), reject);
      });
    });
  } catch (error) {
    throw signal.aborted ? new TrivetError('CANCELLED', 'Interrupted.') : error;
  } finally {
    signal.removeEventListener('abort', cancel);
    if (child.connected) child.disconnect();
    await exited;
  }
}
