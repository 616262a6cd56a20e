/** A client's end of a connection without sealing, in the place of shared-types' client-channel.ts. */
import type { ClientChannelHooks, ClientSocket } from '@trivet/shared-types';

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
