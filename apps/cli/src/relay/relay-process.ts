/** The relay as a process of its own, so that it shares no event loop with what is measured. Ends with its parent. */
import { type Route, startRelay } from './relay.js';

export interface RelayOrder {
  readonly routes: readonly Route[];
  readonly oneWayMs: number;
}

export type RelayAnswer = { readonly listening: true } | { readonly error: string };

process.once('disconnect', () => process.exit(0));
process.once('message', (order: RelayOrder) => {
  startRelay(order.routes, order.oneWayMs).then(
    () => answer({ listening: true }),
    (error: unknown) => answer({ error: String(error) }),
  );
});

function answer(message: RelayAnswer): void {
  process.send?.(message);
}
