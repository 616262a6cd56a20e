/** One prediction, with everything that the page shows of it. */
import { type Prediction, type SharedModel, softmaxRows } from '@trivet/client';
import { predictCost } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { toModelInput } from '../preprocess/mnist.js';
import { protocolNamed } from '../protocols.js';
import { viewOfMessage } from './message-view.js';
import type { Calls, PredictionAnswer, PredictionView, StepView } from './messages.js';
import type { Session } from './session.js';

/** More than a frame: the page shows the answer before it hears of anything else. */
const ANSWER_ALONE_MS = 40;

export async function predict(
  session: Session,
  { model: name, pixels, timeoutMs, protocol }: Calls['predict']['takes'],
  signal: AbortSignal,
  tell: (answer: PredictionAnswer) => void,
): Promise<PredictionView> {
  const client = await session.client();
  const { model: asked, divideBy } = await session.digitModel(name, signal);
  const inputs = toModelInput(pixels, divideBy);
  const { transcript, ...predicted } = await client.predict(name, inputs, {
    signal,
    timeoutMs,
    protocol: protocol ?? null,
    keepTranscript: true,
  });
  if (transcript === undefined) throw new TrivetError('INTERNAL', 'The prediction kept no transcript.');
  const prediction: PredictionAnswer = {
    ...predicted,
    probabilities:
      predicted.probabilities ??
      (predicted.logits === null
        ? null
        : softmaxRows(predicted.logits, predicted.logits.length / predicted.count)),
  };
  tell(prediction);
  await new Promise((resolve) => setTimeout(resolve, ANSWER_ALONE_MS));
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
