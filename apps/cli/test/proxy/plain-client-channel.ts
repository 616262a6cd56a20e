/** A client's end of a connection without sealing, in the place of shared-types' client-channel.ts. */
import type { ClientChannelHooks, ClientSocket } from '@trivet/shared-types';
// The package as a whole waits for this module, which stands in for one of its own.
import { BytesInPieces } from '../../../../packages/shared-types/src/bytes.js';

const PUSHED = ['trivet:status', 'trivet:served'];

export async function openChannel(socket: ClientSocket, _: unknown, hooks: ClientChannelHooks) {
  const listeners = PUSHED.map((event) => [event, (value: unknown) => hooks.push(event, value)] as const);
  for (const [event, listener] of listeners) socket.on(event, listener);
  return {
    send: (event: string, payload: unknown, answered: (outcome: unknown) => void) =>
      void socket.emit(event, payload instanceof BytesInPieces ? payload.toBytes() : payload, answered),
    close: () => {
      for (const [event, listener] of listeners) socket.off(event, listener);
    },
  };
}
