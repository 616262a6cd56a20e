/** Runs a plan under a protocol: the only place where steps meet operations. */
import type { PiecewiseLinearStep, Plan, PlanStep } from '../graph/plan.js';
import { inputsOf, sizeOf } from '../graph/plan.js';
import type { ProtocolSession, Reduction } from '../protocols/protocol.js';
import type { Additive, Shared } from '../sharing/values.js';
import { findClasses } from './classes/index.js';
import type { ModelMemory, PieceWords } from './model.js';

/** Called after each step. */
export type StepListener = (step: PlanStep) => void;

type Value =
  | { readonly kind: 'shared'; readonly value: Shared }
  | { readonly kind: 'unreduced'; readonly value: Additive };

/** Maximum over windows as a tournament: max(a, b) = b + max(0, a - b), all pairs of a round at once. */
async function maxPool(
  session: ProtocolSession,
  x: Shared,
  lists: readonly number[],
  batch: number,
  outSize: number,
  reduction: Reduction,
): Promise<Shared> {
  const n = batch * outSize;
  let cells = session.concatenate(lists.map((list) => session.gather(x, list, outSize, batch, x.n / batch)));
  const slice = (from: number, count: number): Shared => ({
    first: cells.first + 8 * n * from,
    second: cells.second + 8 * n * from,
    n: n * count,
  });
  for (let count = lists.length; count > 1; count = cells.n / n) {
    const half = Math.floor(count / 2);
    const [a, b] = [slice(0, half), slice(half, half)];
    const excess = await session.rectify(session.additive(session.subtract(a, b)), reduction);
    const winners = session.add(b, excess);
    cells = count % 2 === 0 ? winners : session.concatenate([winners, slice(count - 1, 1)]);
  }
  return cells;
}

/** The sum of the pieces: all of them are compared with zero in one operation. */
async function piecewiseLinear(
  session: ProtocolSession,
  x: Additive,
  { pieces }: PiecewiseLinearStep,
  { slopes, offsets }: PieceWords,
  reduction: Reduction,
): Promise<Shared> {
  const lines = session.affine(x, slopes, offsets, pieces.length);
  const positive = await session.rectify(lines, reduction);
  const part = (index: number): Shared => ({
    first: positive.first + 8 * x.n * index,
    second: positive.second + 8 * x.n * index,
    n: x.n,
  });
  const signed = (sign: number) =>
    pieces.flatMap((piece, index) => (piece.sign === sign ? [part(index)] : []));
  const sum = (parts: readonly Shared[]) => parts.reduce((total, each) => session.add(total, each));
  const [rising, falling] = [signed(1), signed(-1)];
  return falling.length === 0 ? sum(rising) : session.subtract(sum(rising), sum(falling));
}

/** Values in one form: shared when all of them are, else at scale 2f. */
function join(
  session: ProtocolSession,
  values: readonly Value[],
  shared: (values: readonly Shared[]) => Shared,
  additive: (values: readonly Additive[]) => Additive,
): Value {
  const all = values.flatMap((each) => (each.kind === 'shared' ? [each.value] : []));
  if (all.length === values.length) return { kind: 'shared', value: shared(all) };
  const lifted = values.map((each) => (each.kind === 'shared' ? session.lift(each.value) : each.value));
  return { kind: 'unreduced', value: additive(lifted) };
}

async function runStep(
  session: ProtocolSession,
  model: ModelMemory,
  step: PlanStep,
  inputs: readonly Value[],
  batch: number,
  bits: number,
): Promise<Value> {
  const input = inputs[0]!;
  const asShared = (): Shared => {
    if (input.kind !== 'shared') throw new Error(`Step "${step.name}" needs a truncated input.`);
    return input.value;
  };
  const additive = (): Additive => (input.kind === 'shared' ? session.additive(input.value) : input.value);
  const shift = input.kind === 'shared' ? 0 : model.plan.fractionalBits;
  const reduction = (activationBits: number): Reduction => ({ shift, activationBits, bits });
  switch (step.op) {
    case 'conv2d':
    case 'depthwiseConv2d': {
      const weights = model.linear(step);
      const ofResults = !model.dependence.steps.has(step);
      return {
        kind: 'unreduced',
        value: session.linear(asShared(), weights, batch, step.geometry, bits, ofResults),
      };
    }
    case 'piecewiseLinear': {
      const { activationBits } = step;
      const products = { shift: shift + model.plan.fractionalBits, activationBits, bits };
      return {
        kind: 'shared',
        value: await piecewiseLinear(session, additive(), step, model.pieceWordsOf(step), products),
      };
    }
    case 'add':
      return join(
        session,
        inputs,
        (values) => values.reduce((total, each) => session.add(total, each)),
        (values) => values.reduce((total, each) => session.sum(total, each)),
      );
    case 'concatenate': {
      const lists = model.indexList(step);
      const n = inputs.reduce((total, each) => total + each.value.n, 0) / batch;
      return join(
        session,
        inputs,
        (values) =>
          values
            .map((each, index) => session.gather(each, lists[index]!, n, batch, each.n / batch))
            .reduce((total, each) => session.add(total, each)),
        (values) =>
          values
            .map((each, index) => session.gatherAdditive(each, lists[index]!, n, batch, each.n / batch))
            .reduce((total, each) => session.sum(total, each)),
      );
    }
    case 'averagePool2d':
      return { kind: 'unreduced', value: session.averagePool(asShared(), batch, step.geometry) };
    case 'truncate':
      return { kind: 'shared', value: await session.truncate(additive(), reduction(step.activationBits)) };
    case 'rectify':
      return { kind: 'shared', value: await session.rectify(additive(), reduction(step.activationBits)) };
    case 'maxPool2d': {
      const { outHeight, outWidth, channels } = step.geometry;
      const lists = model.indexList(step);
      return {
        kind: 'shared',
        value: await maxPool(
          session,
          asShared(),
          lists,
          batch,
          outHeight * outWidth * channels,
          reduction(step.activationBits),
        ),
      };
    }
    case 'topClasses':
      return {
        kind: 'unreduced',
        value: await findClasses(session, additive(), step, model.classTablesOf(step), batch, bits),
      };
    case 'pad2d': {
      const { outHeight, outWidth, channels } = step.geometry;
      const x = asShared();
      const [list] = model.indexList(step);
      return {
        kind: 'shared',
        value: session.gather(x, list, outHeight * outWidth * channels, batch, x.n / batch),
      };
    }
  }
}

/**
 * Runs all steps on `batch` samples, but for those that the session has rehearsed.
 *
 * @returns this party's summand of the outputs: batch * outputSize words, which `ProtocolSession.reveal` has still to blind
 * @throws (rejects) when the channel does, or `signal` aborts between steps
 */
export async function runPlan(
  session: ProtocolSession,
  model: ModelMemory,
  input: Shared,
  batch: number,
  onStep?: StepListener,
  signal?: AbortSignal,
): Promise<Additive> {
  const { plan, dependence } = model;
  const rehearsed = session.rehearsed ?? null;
  const values = new Map<number, Value>([[0, { kind: 'shared', value: input }]]);
  let last: Value = { kind: 'shared', value: input };
  for (const [index, step] of plan.steps.entries()) {
    signal?.throwIfAborted();
    if (rehearsed !== null && !dependence.steps.has(step)) {
      session.skip?.(model.operations[index]!);
      onStep?.(step);
      continue;
    }
    const from = inputsOf(step).map((value) => {
      const known = values.get(value);
      if (!known) throw new Error(`Step "${step.name}" reads a value that no step gives.`);
      return known;
    });
    last = await runStep(session, model, step, from, batch, model.resultBits[index]);
    values.set(step.output, last);
    onStep?.(step);
  }
  return rehearsed ?? (last.kind === 'shared' ? session.additive(last.value) : last.value);
}

/** Words of one input sample and of one output sample. */
export function sampleSizes(plan: Plan): { readonly input: number; readonly output: number } {
  return { input: sizeOf(plan.inputShape), output: sizeOf(plan.outputShape) };
}
