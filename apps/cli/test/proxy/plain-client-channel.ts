/**
 * The two ends of a connection without sealing. They are here, and nowhere in what is shipped: a test that puts them in
 * the place of shared-types' shows that what is claimed of sealing is not true without it.
 */
import type {
  ClientChannelHooks,
  ClientSocket,
  WorkerChannelOptions,
  WorkerSocket,
} from '@trivet/shared-types';

const PUSHED = ['trivet:status', 'trivet:served'];

export async function openChannel(socket: ClientSocket, _: unknown, hooks: ClientChannelHooks) {
  const listeners = PUSHED.map((event) => [event, (value: unknown) => hooks.push(event, value)] as const);
  for (const [event, listener] of listeners) socket.on(event, listener);
  return {
    send: (event: string, payload: unknown, answered: (outcome: unknown) => void) =>
      void socket.emit(event, payload, answered),
    close: () => {
      for (const [event, listener] of listeners) socket.off(event, listener);
    },
  };
}

export function acceptChannel(socket: WorkerSocket, options: WorkerChannelOptions) {
  options.sealed?.();
  socket.onAny((event, payload, acknowledge) => options.event(event, payload, acknowledge as never));
  return { push: (event: string, value: unknown) => void socket.emit(event, value) };
}
