/**
 * The websocket of the Node client: without the masking of its bytes.
 *
 * RFC 6455 masks what a client sends so that a page that chooses its bytes cannot make them look like HTTP to a proxy
 * in between (section 10.3). This program's bytes are uniformly random shares of its own, so nobody chooses them, and
 * masking them again took half of a client's time in a batch. A frame with the masking key zero is well-formed and read
 * by every server. Browsers mask as they always do: they ignore the option.
 */
import { NodeWebSocket } from 'socket.io-client';

type Options = Parameters<NodeWebSocket['createSocket']>[2];

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
}
