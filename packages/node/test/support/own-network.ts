/** Pages name the ports 4000 to 4002; here somebody may have them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

export interface OwnNetwork {
  /** What a command line begins with, to run where the ports are free. */
  readonly prefix: readonly string[];
  close(): void;
}

/**
 * A network namespace, whose ports are all free; where the system gives none, this machine's own network if nobody listens
 * on these ports.
 * @returns null when neither is to be had
 */
export async function ownNetwork(ports: readonly number[]): Promise<OwnNetwork | null> {
  const setUp = ['sh', '-c', 'ip link set lo up && echo up && exec cat'];
  const holder = spawn('unshare', ['--user', '--map-root-user', '--net', '--', ...setUp], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const close = () => void holder.kill('SIGKILL');
  if (await isUp(holder)) {
    const flags = ['--user', '--preserve-credentials', '--net', '--'];
    return { prefix: ['nsenter', '--target', `${holder.pid}`, ...flags], close };
  }
  close();
  const free = await Promise.all(ports.map(isFree));
  return free.every(Boolean) ? { prefix: [], close: () => undefined } : null;
}

function isUp(holder: ChildProcess): Promise<boolean> {
  return Promise.race([
    once(holder.stdout!, 'data').then(() => true),
    once(holder, 'error').then(() => false),
    once(holder, 'close').then(() => false),
  ]).catch(() => false);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
