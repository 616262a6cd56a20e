/** One prediction, with everything that the page shows of it. */
import { type Prediction, type SharedModel, softmaxRows } from '@trivet/client';
import { predictCost } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { toModelInput } from '../preprocess/mnist.js';
import { protocolNamed } from '../protocols.js';
import { viewOfMessage } from './message-view.js';
import type { Calls, PredictionView, StepView } from './messages.js';
import type { Session } from './session.js';

export async function predict(
  session: Session,
  { model: name, pixels, timeoutMs, protocol }: Calls['predict']['takes'],
  signal: AbortSignal,
): Promise<PredictionView> {
  const client = await session.client();
  const { model: asked, divideBy } = await session.digitModel(name, signal);
  const inputs = toModelInput(pixels, divideBy);
  const { transcript, ...prediction } = await client.predict(name, inputs, {
    signal,
    timeoutMs,
    protocol: protocol ?? null,
    keepTranscript: true,
  });
  if (transcript === undefined) throw new TrivetError('INTERNAL', 'The prediction kept no transcript.');
  // The owner may have gone over to another version meanwhile.
  const { version } = prediction;
  const model = version === asked.version ? asked : await client.model(name, { version, signal });
  const sizes = { count: prediction.count, inputSize: model.inputSize, outputSize: model.outputSize };
  const view = (index: 0 | 1 | 2) => {
    const exchange = { sent: transcript.sent[index], received: transcript.received[index] };
    return viewOfMessage(session.kernels, prediction.workers[index].name, exchange, sizes);
  };
  const { fractionalBits, outputFractionalBits, outputBits } = model.manifest.plan;
  return {
    ...prediction,
    probabilities:
      prediction.probabilities ??
      (prediction.logits === null ? null : softmaxRows(prediction.logits, model.outputSize)),
    views: [view(0), view(1), view(2)],
    steps: stepsOf(model, prediction),
    fixedPoint: { fractionalBits, outputFractionalBits, outputBits },
  };
}

/** Declared and measured cost of each step. */
function stepsOf(
  { manifest }: SharedModel,
  { protocol, workers }: Pick<Prediction, 'protocol' | 'workers'>,
): StepView[] {
  const known = protocolNamed(protocol);
  const cost = known === null ? null : predictCost(manifest.plan, known, 1);
  return manifest.plan.steps.map(({ name, op }, index) => {
    const declared = cost?.steps[index];
    const measured = workers.map(({ steps }) => steps[index]);
    return {
      name,
      op,
      declared: declared === undefined ? null : { rounds: declared.rounds, bytesSent: declared.bytesSent },
      measured: measured.some((one) => one === undefined)
        ? null
        : (measured as unknown as StepView['measured']),
    };
  });
}
