/**
 * What a connection may do before its keys are agreed on: whoever connects gets as far as this, so it is little and not for
 * long.
 */

/** Time from the connection to the keys. */
export const SEAL_TIMEOUT_MS = 10_000;
/** The beginning of a sealed connection has 134 bytes; socket.io adds its own to it. */
export const UNSEALED_BYTES = 16_384;

export interface RawSocket {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  off(event: 'data', listener: (chunk: Buffer) => void): unknown;
}

/**
 * Watches a connection until it is sealed.
 * @param raw the socket below the websocket
 * @param overdue it has had its time, or more than its bytes
 * @returns ends the watch
 */
export function watchUnsealed(raw: RawSocket, overdue: () => void): () => void {
  let bytes = 0;
  const count = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > UNSEALED_BYTES) end();
  };
  const stop = () => {
    clearTimeout(timer);
    raw.off('data', count);
  };
  const end = () => {
    stop();
    overdue();
  };
  const timer = setTimeout(end, SEAL_TIMEOUT_MS);
  raw.on('data', count);
  return stop;
}
