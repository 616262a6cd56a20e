/** Starts the clients' process, and tells it what to do. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TrivetError } from '@trivet/shared-types';
import type { Answer, Command, Look, RequestsOrder } from './requests-process.js';

/** The built program; this file's folder is two below the package, in src and in dist. */
const PROGRAM = fileURLToPath(new URL('../../dist/load/requests-process.js', import.meta.url));

type WithoutId<T> = T extends { id: number } ? Omit<T, 'id'> : never;

export interface RunningRequests {
  /**
   * Keeps so many requests open for so long.
   * @param digits in each of them
   */
  closed(
    lanes: number,
    ms: number,
    digits?: number,
  ): Promise<{ requestsPerSecond: number; digitsPerSecond: number }>;
  /** @param timeoutMs of each request from now on */
  setRate(perSecond: number, timeoutMs?: number): Promise<void>;
  look(): Promise<Look>;
  /** Milliseconds until the first right answer to a request that begins from now on. */
  recovered(): Promise<number>;
  /** Rejects when the clients' process fails; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

/** @throws TrivetError UNAVAILABLE when the clients cannot connect */
export async function startRequests(order: RequestsOrder): Promise<RunningRequests> {
  const child = fork(PROGRAM, { execArgv: [] });
  const exited = once(child, 'exit');
  const waiting = new Map<number, (value: never) => void>();
  let stopping = false;
  const failed = new Promise<never>((_, reject) => {
    const fail = (why: string) => reject(new TrivetError('UNAVAILABLE', `The clients under load: ${why}.`));
    child.once('exit', () => !stopping && fail('their process ended'));
    child.on('message', (answer: Answer) => {
      if (answer.kind === 'failed') return fail(answer.message);
      waiting.get(answer.id)?.(answer.value as never);
      waiting.delete(answer.id);
    });
  });
  failed.catch(() => undefined);
  let last = 0;
  const answered = <T>(id: number) =>
    Promise.race([failed, new Promise<T>((resolve) => waiting.set(id, resolve))]);
  const ask = <T>(command: WithoutId<Command>): Promise<T> => {
    const id = ++last;
    const answer = answered<T>(id);
    if (child.connected) child.send({ ...command, id });
    return answer;
  };
  const stop = async () => {
    stopping = true;
    if (child.connected) child.disconnect();
    await exited;
  };
  const started = answered<null>(0);
  child.send({ kind: 'start', order } satisfies Command);
  try {
    await started;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    closed: (lanes, ms, digits) =>
      ask({ kind: 'closed', lanes, ms, ...(digits !== undefined && { digits }) }),
    setRate: (perSecond, timeoutMs) =>
      ask({ kind: 'rate', perSecond, ...(timeoutMs !== undefined && { timeoutMs }) }),
    look: () => ask({ kind: 'look' }),
    recovered: () => ask({ kind: 'mark' }),
    failed,
    stop,
  };
}
