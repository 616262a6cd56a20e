/**
 * Follows a model while it is served. Each worker pushes an event after each request; its status says the same, and
 * is what is left of it when a connection was lost in between.
 */
import type { Reveal } from '@trivet/mpc-core';
import {
  type AccessMode,
  EVENTS,
  type ProtocolName,
  servedEventSchema,
  TrivetError,
} from '@trivet/shared-types';
import { abortError } from './deadline.js';
import { manifestName } from './models.js';
import type { WorkerLinks } from './worker-links.js';

export interface StartOptions {
  /** Stop after so many images; without it, serve until stopped. */
  readonly requestLimit?: number | null;
  /** The version to serve; the newest that all three workers hold unless told. */
  readonly version?: number | undefined;
  /** What runs requests that name none, one of the manifest's; its first unless told. */
  readonly protocol?: ProtocolName | null;
  /** Who may ask, from now on; as it was unless told. */
  readonly access?: AccessMode | undefined;
  /** The most that a version may reveal to be served: a version that was shared with more is refused. */
  readonly reveal?: Reveal | undefined;
}

export interface ServeOptions extends StartOptions {
  /** Called once all three workers serve. */
  readonly onStarted?: () => void;
  /** Called once for each image served by all three workers, with its number, from 1. */
  readonly onServed?: (number: number) => void;
  /** Ends serving, without an error. */
  readonly signal?: AbortSignal;
}

/** How long the others may take to count the last image, once one worker has stopped. */
const SETTLE_MS = 1_000;

export async function serveUntilDone(
  links: WorkerLinks,
  model: string,
  options: ServeOptions,
  control: { start(options: StartOptions): Promise<void>; stop(): Promise<void> },
): Promise<number> {
  const { requestLimit = null, protocol = null, version, access, reveal } = options;
  const { onStarted, onServed, signal } = options;
  if (signal?.aborted) throw abortError(signal);
  const counts = [0, 0, 0];
  const ended = [false, false, false];
  let reported = 0;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let settling: ReturnType<typeof setTimeout> | undefined;
  const update = (index: number, served: number, isOver: boolean) => {
    counts[index] = Math.max(counts[index]!, served);
    ended[index] ||= isOver || (requestLimit !== null && served >= requestLimit);
    while (reported < Math.min(...counts)) onServed?.(++reported);
    if (ended.every(Boolean)) finish();
    else if (ended.some(Boolean)) settling ??= setTimeout(finish, SETTLE_MS);
  };
  const unlisten = links.links.map((link) =>
    link.on(EVENTS.server.served, servedEventSchema, (event) => {
      if (event.model === model) update(link.index, event.served, false);
    }),
  );
  let unwatch = () => {};
  const release = () => {
    unwatch();
    for (const off of unlisten) off();
    clearTimeout(settling);
    signal?.removeEventListener('abort', finish);
  };
  signal?.addEventListener('abort', finish, { once: true });
  try {
    await control.start({ requestLimit, protocol, version, access, reveal });
    onStarted?.();
    // From here on, a status without a version that is served says that it is over. A worker that is lost by now reports
    // its own once it is back.
    await links.refresh({}).catch(unlessAway);
    unwatch = links.onStatus((views) => {
      for (const view of views) {
        if (!view.reachable) continue;
        const versions = (view.status?.models ?? []).filter((one) => manifestName(one) === model);
        const [first] = versions;
        const isOver = versions.every(({ state }) => state !== 'AVAILABLE' && state !== 'LOADING');
        if (first !== undefined) update(view.index, first.served ?? 0, isOver);
      }
    });
    await finished;
  } finally {
    release();
  }
  // A worker that is away is not serving anyway.
  await control.stop().catch(unlessAway);
  return Math.max(...counts);
}

function unlessAway(error: unknown): void {
  if (!(error instanceof TrivetError) || error.code !== 'UNAVAILABLE') throw error;
}
