/** The relay as a process of its own, so that it shares no event loop with what is measured. Ends with its parent. */
import type { Impairment } from './impairment.js';
import { type Relay, type Route, startRelay } from './relay.js';

export type RelayOrder =
  | { readonly kind: 'start'; readonly routes: readonly Route[]; readonly oneWayMs: number }
  | {
      readonly kind: 'impair';
      readonly id: number;
      readonly route: number;
      readonly impairment: Impairment;
    };

export type RelayAnswer =
  | { readonly kind: 'listening' }
  | { readonly kind: 'impaired'; readonly id: number }
  | { readonly kind: 'failed'; readonly error: string };

let relay: Relay | undefined;

process.once('disconnect', () => process.exit(0));
process.on('message', (order: RelayOrder) => {
  follow(order).then(answer, (error: unknown) => answer({ kind: 'failed', error: String(error) }));
});

async function follow(order: RelayOrder): Promise<RelayAnswer> {
  if (order.kind === 'start') {
    relay = await startRelay(order.routes, order.oneWayMs);
    return { kind: 'listening' };
  }
  await relay!.impair(order.route, order.impairment);
  return { kind: 'impaired', id: order.id };
}

function answer(message: RelayAnswer): void {
  process.send?.(message);
}
