/** Models that reveal classes only: their manifests, and the replies that add up to classes. */
import {
  checkWord,
  classCount,
  compile,
  InconsistentRepliesError,
  InvalidModelError,
  type LayerGraph,
  type Plan,
  type Reveal,
  reconstructOutputs,
  revealOf,
  topClassesOf,
  validatePlan,
  writeWords,
} from '@trivet/mpc-core';
import {
  canonicalJson,
  decodePredictReply,
  encodePredictReply,
  type Manifest,
  type PredictReply,
  verifyManifest,
} from '@trivet/shared-types';
import { answerOf } from '../../../../packages/client/src/prediction.js';
import { planOperations } from '../../../../packages/mpc-core/src/engine/operations.js';
import { MANIFEST, OWNER_PUBLIC_KEY } from '../../../../packages/shared-types/test/fixtures.js';
import { promise, type Target } from '../target.js';
import { canonicalOr, coded, joinPieces, ownerSignature, splitPieces, textOf, utf8 } from './support.js';

/** Compared at once up to 32 classes; above, by tournaments. */
const MODELS: readonly (readonly [classes: number, reveal: Reveal])[] = [
  [4, 'label'],
  [4, 'top-3'],
  [40, 'top-2'],
];

function planOf(classes: number, reveal: Reveal): Plan {
  const graph: LayerGraph = {
    name: 'classes',
    input: 'in',
    inputShape: [2],
    nodes: [
      {
        name: 'out',
        inputs: ['in'],
        layer: {
          type: 'Dense',
          kernel: {
            shape: [2, classes],
            values: Float64Array.from({ length: 2 * classes }, (_, i) => Math.cos(i)),
          },
          activation: 'softmax',
        },
      },
    ],
    output: 'out',
  };
  return compile(graph, { inputRange: { min: -1, max: 1 }, reveal }).plan;
}

const manifest: Target = {
  name: 'reveal-manifest',
  form: 'json',
  maxMs: 2_000,
  dictionary: ['topClasses', '"top":', '"classes":', '"activationBits":'],
  prepare: () => ({
    seeds: MODELS.map(([classes, reveal]) => {
      const plan = structuredClone(planOf(classes, reveal)) as Manifest['plan'];
      const { signature: _, ...rest } = MANIFEST;
      return utf8(canonicalJson({ ...rest, plan, labels: null }));
    }),
    run(input) {
      const text = canonicalOr(textOf(input));
      const signed = {
        text,
        ownerKey: OWNER_PUBLIC_KEY,
        signature: ownerSignature('trivet manifest v1\n', text),
      };
      const { plan } = verifyManifest(signed, OWNER_PUBLIC_KEY);
      validatePlan(plan);
      const step = topClassesOf(plan);
      const elsewhere = plan.steps.slice(0, -1).some(({ op }) => op === 'topClasses');
      promise(!elsewhere, 'classes are found in the middle of a plan');
      if (step === null) return;
      promise(
        revealOf(plan) !== 'logits' && classCount(plan) === step.classes,
        'a plan says two things of itself',
      );
      promise(
        plan.outputShape.length === 1 && plan.outputShape[0] === step.top,
        'more comes out than classes',
      );
      promise(plan.outputFractionalBits === 0 && step.top <= step.classes, 'what comes out are no classes');
      planOperations(plan, 1);
    },
    expects: (error) =>
      error instanceof InvalidModelError || coded('INVALID_ARGUMENT', 'PERMISSION_DENIED')(error),
  }),
};

const COUNT = 3;
const TOP = 2;

const reply: Target = {
  name: 'reveal-reply',
  form: 'bytes',
  dictionary: ['TVR2'],
  prepare() {
    const plan = planOf(4, `top-${TOP}`);
    const expected = {
      requestId: '0f'.repeat(16),
      manifestDigest: '0a'.repeat(32),
      count: COUNT,
      outputSize: TOP,
      protocol: null,
    };
    const statistics = {
      rounds: 22,
      bytesSent: 1,
      bytesReceived: 2,
      bytesDealt: 3,
      computeMicros: 4,
      queueMicros: 5,
      batchSize: COUNT,
      steps: [],
    };
    const encode = (words: readonly bigint[]) =>
      encodePredictReply({
        ...expected,
        protocol: 'replicated',
        statistics,
        words: writeWords(words),
      } satisfies PredictReply);
    const shift = BigInt(64 - plan.outputBits);
    const rows = [
      [0n, 3n],
      [2n, 1n],
      [3n, 0n],
    ].map((row) => row.map((index) => index << shift));
    const sums = rows.flatMap((row) => [...row, checkWord(row)]);
    const random = (factor: bigint) => sums.map((_, i) => factor * BigInt(i + 1));
    const [x0, x1] = [random(0x9e37_79b9_7f4a_7c15n), random(0xc2b2_ae3d_27d4_eb4fn)];
    const x2 = sums.map((value, i) => value - x0[i]! - x1[i]!);
    return {
      seeds: [joinPieces([x0, x1, x2].map(encode))],
      run(input) {
        const pieces = splitPieces(input);
        if (pieces.length !== 3) return;
        const words = pieces.map((piece) => decodePredictReply(piece, expected).words);
        const outputs = reconstructOutputs(words as never, plan);
        const { logits, probabilities, classes, topClasses } = answerOf(plan, outputs);
        promise(logits === null && probabilities === null, 'more is told than classes');
        promise(classes.length === COUNT && topClasses?.length === COUNT * TOP, 'answers are missing');
        for (let sample = 0; sample < COUNT; sample++) {
          const row = [...topClasses!.subarray(TOP * sample, TOP * (sample + 1))];
          promise(
            new Set(row).size === TOP && row.every((one) => one >= 0 && one < 4),
            'a class is told twice, or is none',
          );
        }
      },
      expects: (error) =>
        error instanceof InconsistentRepliesError || coded('INVALID_ARGUMENT', 'INTERNAL')(error),
    };
  },
};

export const REVEAL: readonly Target[] = [manifest, reply];
