/** Runs one batch on this worker, from its start to the answers. */
import type { Material, PartyIndex } from '@trivet/mpc-core';
import { encodePredictReply, type ProtocolName, TrivetError } from '@trivet/shared-types';
import type { Session } from '../mesh/session.js';
import type { SessionView } from '../mesh/session-view.js';
import type { ServingContext } from './context.js';
import type { Model } from './models.js';
import { keysOf } from './pool/deal-item.js';
import { allowedProtocol } from './protocols.js';
import type { OpenRequest } from './request-table.js';

export interface BatchRun {
  readonly session: Session;
  /** Of the proposal. */
  readonly view: SessionView;
  readonly model: Model;
  readonly protocol: ProtocolName;
  readonly helper: PartyIndex;
  /** Taken out of the pool, one item an image; undefined: what is needed is dealt as the batch runs. */
  readonly material: readonly Material[] | undefined;
  readonly requests: readonly OpenRequest[];
  /** No answer leaves before it has resolved. */
  readonly mayAnswer?: Promise<void>;
  /** Whether the leader has taken the batch back: its requests are not answered, and wait for another. */
  readonly isRecalled?: () => boolean;
}

/**
 * Runs the protocol and answers every request of the batch, with its reply share or the error that ended the session.
 * Never rejects; the peers are told of a failure.
 * @returns whether it went well; `session.error` says why when not
 */
export async function runBatch(context: ServingContext, run: BatchRun): Promise<boolean> {
  const { session, model, requests, isRecalled = () => false } = run;
  const { models, table, metrics } = context;
  const release = models.use(model);
  const startedAt = performance.now();
  let waiting = requests.length;
  // A lone request's batch ends with its own reason, for a follower that has yet to get the request tells it its client.
  const abandon = (error: TrivetError) => {
    waiting -= 1;
    if (waiting > 0) return;
    const nobody = 'Nobody waits for the answers of this batch.';
    const reason = requests.length === 1 ? error : new TrivetError('CANCELLED', nobody, context.self.name);
    session.fail(reason, true);
  };
  for (const request of requests) {
    request.batch = { abandon };
    if (request.answered) {
      abandon(new TrivetError('CANCELLED', 'The client gave the request up.', context.self.name));
    }
    metrics.queueSeconds.observe((startedAt - request.arrivedAt) / 1000);
  }
  try {
    await compute(context, run, startedAt);
    return true;
  } catch (error) {
    if (isRecalled()) return false;
    session.fail(toTrivetError(context, error), true);
    const reason = session.error!;
    metrics.batchFailures.inc({ code: reason.code });
    context.log.warn({ err: reason, model: model.name, requests: requests.length }, 'a batch was given up');
    for (const request of requests) request.answer(reason);
    return false;
  } finally {
    if (!isRecalled()) for (const request of requests) table.remove(request);
    for (const item of run.material ?? []) item.release();
    release();
  }
}

async function compute(context: ServingContext, run: BatchRun, startedAt: number): Promise<void> {
  const { session, view, model, protocol, helper, material, requests, mayAnswer } = run;
  const { party, protocols, self, metrics } = context;
  const keys = keysOf(context, session, view);
  const result = await party
    .run(model.loaded, {
      protocol: allowedProtocol(protocols, model.manifest, protocol, self.name)[helper],
      keys,
      channel: session,
      inputs: requests.map((request) => request.share),
      signal: session.signal,
      ...(material !== undefined && { material }),
    })
    .finally(() => keys.wipe());
  await mayAnswer;
  const computeMs = performance.now() - startedAt;
  const images = requests.reduce((sum, request) => sum + request.count, 0);
  const { rounds, bytesSent, bytesReceived, bytesDealt } = result.statistics;
  const steps = result.statistics.steps.map((step) => ({
    rounds: step.rounds,
    bytesSent: step.bytesSent,
    bytesReceived: step.bytesReceived,
    micros: step.microseconds,
  }));
  for (const [index, request] of requests.entries()) {
    if (request.answered) continue;
    request.answer(
      encodePredictReply({
        requestId: request.id,
        manifestDigest: model.digest,
        count: request.count,
        outputSize: model.outputSize,
        protocol,
        statistics: {
          rounds,
          bytesSent,
          bytesReceived,
          bytesDealt,
          computeMicros: computeMs * 1000,
          queueMicros: (startedAt - request.arrivedAt) * 1000,
          batchSize: images,
          steps,
        },
        words: result.outputs[index]!,
      }),
    );
  }
  metrics.batchSeconds.observe(computeMs / 1000);
  metrics.batchImages.observe(images);
  metrics.images.inc(images);
  context.totals.images += images;
  metrics.rounds.inc(rounds);
}

function toTrivetError(context: ServingContext, error: unknown): TrivetError {
  if (error instanceof TrivetError) return error;
  const { name } = context.self;
  context.log.error({ err: error }, 'the engine failed');
  return new TrivetError('INTERNAL', `${name} could not run the batch; its log says why.`, name, {
    cause: error,
  });
}
