/** The leader's batches that run: their part on this worker, until the followers have ended theirs, and what they count. */
import { TransientMap, TrivetError } from '@trivet/shared-types';
import { FRAME_KINDS, type SessionKey } from '../mesh/frames.js';
import type { Link } from '../mesh/link.js';
import { encodeServed } from '../mesh/messages.js';
import type { Session } from '../mesh/session.js';
import type { ServingContext } from './context.js';
import type { Model } from './models.js';
import { ALL, LEADER, type Links } from './peers.js';
import type { Proposed } from './proposer.js';
import type { OpenRequest } from './request-table.js';
import { joinReservations, type Reservation } from './reservations.js';
import { type BatchRun, runBatch } from './run-batch.js';

/** After its deadline a follower tells of it; this is for those that cannot. */
export const GRACE_MS = 2000;

export interface RunningBatch {
  readonly session: Session;
  readonly requests: readonly OpenRequest[];
  readonly images: number;
  /** Since when all three have had its requests, by `performance.now()`. */
  startedAt: number;
  /** Bits of the workers that have ended it well. */
  done: number;
  onDone: (() => void) | null;
}

export class BatchRuns {
  readonly #running = new TransientMap<SessionKey, RunningBatch>();

  /** @param onEnded a batch has ended, on this worker and the others; whether its requests were answered */
  constructor(
    private readonly context: ServingContext,
    private readonly links: Links,
    private readonly onEnded: (batch: RunningBatch, answered: boolean) => void,
  ) {}

  get size(): number {
    return this.#running.size;
  }

  values(): IterableIterator<RunningBatch> {
    return this.#running.values();
  }

  /** Runs what was proposed. @param agreed no answer leaves before it has resolved */
  begin(
    session: Session,
    { view, protocol, helper, material }: Proposed,
    model: Model,
    requests: readonly OpenRequest[],
    agreed?: Promise<void>,
  ): RunningBatch {
    const images = requests.reduce((sum, request) => sum + request.count, 0);
    const startedAt = performance.now();
    const running = { session, requests, images, startedAt, done: 1 << LEADER, onDone: null };
    this.#running.set(session.key, running);
    const reservation = joinReservations(
      model.records.reserve(images),
      this.context.access.use.reserve(requests),
    );
    void this.#run(
      running,
      { session, view, model, protocol, helper, material, requests },
      reservation,
      agreed,
    );
    return running;
  }

  /** A follower has ended its part well. */
  done(link: Link, key: SessionKey): void {
    const running = this.#running.get(key);
    if (running === undefined || running.session.links[link.peer.index] !== link) return;
    running.done |= 1 << link.peer.index;
    running.onDone?.();
  }

  async #run(
    running: RunningBatch,
    run: BatchRun,
    reservation: Reservation,
    agreed?: Promise<void>,
  ): Promise<void> {
    const { session, requests } = run;
    const { sessions, self } = this.context;
    const lastDeadline = Math.max(...requests.map((request) => request.deadlineAt));
    const timer = setTimeout(
      () => {
        const message = 'The batch did not end within its deadline.';
        session.fail(new TrivetError('DEADLINE_EXCEEDED', message, self.name), true);
      },
      lastDeadline - performance.now() + GRACE_MS,
    );
    const mayAnswer = Promise.all([reservation.durable, agreed]).then(() => undefined);
    // The batch may fail before it comes to wait for this.
    mayAnswer.catch(() => undefined);
    const answered = await runBatch(this.context, { ...run, mayAnswer });
    if (answered) await everybodyDone(running);
    clearTimeout(timer);
    sessions.end(session);
    this.#running.delete(session.key);
    this.#settle(run, reservation, answered);
    this.onEnded(running, answered);
  }

  /** A follower that gave the batch up has answered nobody; of one that was lost this is not known, so it counts. */
  #settle({ session, model }: BatchRun, reservation: Reservation, answered: boolean): void {
    const { self, peers, onServed } = this.context;
    const counts = answered && (session.error === null || session.error.worker === self.name);
    if (!counts) {
      reservation.giveBack();
    } else if (reservation.commit()) {
      const { digest, records } = model;
      const served = encodeServed({ digest, since: records.since, served: records.served });
      for (const { index } of peers.others) {
        this.links.link(index)?.sendUnhurried(FRAME_KINDS.served, served);
      }
      onServed(model);
    }
  }
}

/** Resolves when both followers have ended the batch, or the session has failed. */
function everybodyDone(running: RunningBatch): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (running.done === ALL || running.session.error !== null) resolve();
    };
    running.onDone = check;
    running.session.signal.addEventListener('abort', check, { once: true });
    check();
  });
}
