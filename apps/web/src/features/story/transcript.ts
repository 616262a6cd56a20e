/** One request as a file: what this page made, sent and received. Nothing in it was ever a worker's own. */
import type { TracedAnswer } from '../../stores/answer-slice.js';
import { inputShares, realOf, sumWords, wordAt } from './words.js';

const WARNING =
  'Whoever has this file can read the digit and the answer: it holds all three shares, which only this browser ever had together.';

export function transcriptOf({ prediction, digit }: TracedAnswer, createdAt: Date): Blob {
  const { views, workers, logits, probabilities, topClasses, fixedPoint, steps } = prediction;
  const outputs = views[0].summands.length / 8;
  const transcript = {
    format: 'trivet transcript 1',
    warning: WARNING,
    createdAt: createdAt.toISOString(),
    requestId: prediction.requestId,
    model: prediction.model,
    version: prediction.version,
    protocol: prediction.protocol,
    sharedBy: prediction.compute.label,
    fixedPoint,
    pixels: [...digit.pixels],
    shares: inputShares(prediction).map(hex),
    workers: views.map((view, index) => {
      const { name, rounds, bytesSent, bytesReceived, bytesDealt, computeMs, queueMs } = workers[index]!;
      return {
        name,
        sent: hex(view.sent),
        received: hex(view.received),
        summands: Array.from({ length: outputs }, (_, output) => wordAt(view.summands, output).toString()),
        reported: { rounds, bytesSent, bytesReceived, bytesDealt, computeMs, queueMs },
      };
    }),
    steps,
    reveal: prediction.reveal,
    logits: logits && [...logits],
    probabilities: probabilities && [...probabilities],
    topClasses: topClasses && [...topClasses],
    class: prediction.classes[0],
    milliseconds: prediction.timings,
  };
  return new Blob([`${JSON.stringify(transcript, null, 2)}\n`], { type: 'application/json' });
}

/** The logits, or classes, from the three replies, as anybody with the transcript can add them up. */
export function outputsOfSummands(
  summands: readonly Uint8Array[],
  { outputBits, outputFractionalBits }: TracedAnswer['prediction']['fixedPoint'],
): number[] {
  const count = (summands[0]?.length ?? 0) / 8;
  return Array.from({ length: count }, (_, output) =>
    realOf(sumWords(summands.map((words) => wordAt(words, output))), outputBits, outputFractionalBits),
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
