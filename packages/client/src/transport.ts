/**
 * The websocket of the Node client: without the masking of its bytes, and with one write to the system an event.
 *
 * RFC 6455 masks what a client sends so that a page that chooses its bytes cannot make them look like HTTP to a proxy
 * in between (section 10.3). This program's bytes are uniformly random shares of its own, so nobody chooses them, and
 * masking them again took half of a client's time in a batch. A frame with the masking key zero is well-formed and read
 * by every server. Browsers mask as they always do: they ignore the option.
 */
import { NodeWebSocket } from 'socket.io-client';

type Options = Parameters<NodeWebSocket['createSocket']>[2];

/** What Node has of the websocket and of the process, and browsers do not. */
interface NodeSocket {
  cork(): void;
  uncork(): void;
}
const { process } = globalThis as { process?: { nextTick?: (task: () => void) => void } };

export class LeanWebSocket extends NodeWebSocket {
  override createSocket(
    uri: string,
    protocols: string | string[] | undefined,
    options: Options,
  ): ReturnType<NodeWebSocket['createSocket']> {
    return super.createSocket(uri, protocols, {
      ...options,
      generateMask: (key: Uint8Array) => key.fill(0),
    });
  }

  /**
   * socket.io sends an event as two frames, the second in the tick after the first, and each would wake the worker. The
   * socket is held until then: ticks run in the order in which they were asked for.
   */
  override write(packets: Parameters<NodeWebSocket['write']>[0]): void {
    const { _socket: socket } = (this as unknown as { ws: { _socket?: NodeSocket } }).ws;
    const held = socket !== undefined && process?.nextTick !== undefined;
    if (held) socket.cork();
    super.write(packets);
    if (held) process?.nextTick?.(() => socket.uncork());
  }
}
