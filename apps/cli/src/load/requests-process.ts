/** Clients that ask without end, in a process of their own. Ends with its parent. */

import { SeededRandom } from '@trivet/seeded-random';
import type { Cluster } from '@trivet/shared-types';
import { createReference } from './reference.js';
import { Requests } from './requests.js';
import type { Tally } from './tally.js';

/** What the clients are, and what they ask for. */
export interface RequestsOrder {
  readonly cluster: Cluster;
  readonly model: string;
  /** The files of its versions, 1, 2, 3 … */
  readonly files: readonly string[];
  /** How many different digits are asked for. */
  readonly images: number;
  readonly connections: number;
  readonly timeoutMs: number;
  readonly largeEvery: number;
  readonly largeDigits: number;
  readonly cancelEvery: number;
  /** Of the clients; true unless told. */
  readonly throttling?: boolean;
  readonly seed: number;
}

export type Command =
  | { readonly kind: 'start'; readonly order: RequestsOrder }
  | {
      readonly kind: 'closed';
      readonly id: number;
      readonly lanes: number;
      readonly ms: number;
      readonly digits?: number;
    }
  | { readonly kind: 'rate'; readonly id: number; readonly perSecond: number; readonly timeoutMs?: number }
  | { readonly kind: 'look'; readonly id: number }
  | { readonly kind: 'mark'; readonly id: number };

/** How the clients fared, so far. */
export interface Look {
  readonly tally: Tally;
  readonly open: number;
  /** Milliseconds of the right answers since the last look. */
  readonly times: readonly number[];
  /** Of this process, so far. */
  readonly cpuSeconds: number;
}

export type Answer =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly message: string };

let requests: Requests | undefined;

process.once('disconnect', () => process.exit(0));
process.on('message', (command: Command) => {
  follow(command).catch((error: unknown) => tell({ kind: 'failed', message: String(error) }));
});

async function follow(command: Command): Promise<void> {
  if (command.kind === 'start') {
    const { files, images, seed, ...rest } = command.order;
    const reference = await createReference(files, images);
    requests = await Requests.connect({ ...rest, reference, random: new SeededRandom(seed, 1) });
    tell({ kind: 'answer', id: 0, value: null });
    return;
  }
  const { id } = command;
  const answer = (value: unknown) => tell({ kind: 'answer', id, value });
  if (command.kind === 'mark') requests!.mark(answer);
  else if (command.kind === 'look') answer(look(requests!));
  else if (command.kind === 'closed')
    answer(await requests!.closed(command.lanes, command.ms, command.digits));
  else {
    requests!.setRate(command.perSecond, command.timeoutMs);
    answer(null);
  }
}

function look(requests: Requests): Look {
  const { user, system } = process.cpuUsage();
  const { tally, open, times } = requests;
  requests.times = [];
  return { tally, open, times, cpuSeconds: (user + system) / 1e6 };
}

function tell(message: Answer): void {
  process.send?.(message);
}
