/** A worker's end of a connection without sealing, in the place of shared-types' worker-channel.ts. */
export function acceptChannel(socket, options) {
  options.sealed?.();
  socket.onAny((event, payload, acknowledge) => options.event(event, payload, acknowledge));
  return { push: (event, value) => void socket.emit(event, value), close: () => undefined };
}
