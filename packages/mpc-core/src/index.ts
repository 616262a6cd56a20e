/** The public face of mpc-core. What is not exported here is private to the package. */

export * from './channel/channel.js';
export * from './channel/simulate.js';
export * from './engine/cost.js';
export * from './engine/estimate.js';
export * from './engine/party.js';
export * from './engine/round-trips.js';
export * from './fixed/encode.js';
export { ACTIVATION_ERRORS } from './graph/activations.js';
export {
  type CompilationResult,
  type CompileOptions,
  compile,
  DEFAULT_FRACTIONAL_BITS,
  MOST_FRACTIONAL_BITS,
  type StepReport,
} from './graph/compile.js';
export * from './graph/errors.js';
export { applyOutputActivation, evaluateGraph, evaluatePlan, softmax } from './graph/evaluate.js';
export type { Folded } from './graph/fold.js';
export * from './graph/layers.js';
export * from './graph/plan.js';
export type { InputRange } from './graph/range.js';
export { classCount, parseReveal, type Reveal, revealOf, revealsMore, topClassesOf } from './graph/reveal.js';
export { PLAN_LIMITS, validatePlan } from './graph/validate.js';
export * from './kernels/create.js';
export type { Kernels } from './kernels/kernels.js';
export * from './kernels/threads/shared.js';
export { fss } from './protocols/fss/index.js';
export { plaintext } from './protocols/plaintext/index.js';
export type { Cost, Material, Protocol } from './protocols/protocol.js';
export { replicated } from './protocols/replicated/index.js';
export { securenn } from './protocols/securenn/index.js';
export * from './random/entropy.js';
export { checkWord } from './ring/checks.js';
export { addWords, readWords, writeWords } from './ring/words.js';
export * from './sharing/input.js';
export * from './sharing/input-sharer.js';
export * from './sharing/replies.js';
export { shareModel } from './sharing/weights.js';
