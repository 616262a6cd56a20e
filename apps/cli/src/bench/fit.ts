/** The overheads of the cost model, from what references of known cost took. */
import type { CompiledModel, Estimate, Overheads } from '@trivet/mpc-core';

/** Within these it is looked for. */
const CONTENTION = [1, 3] as const;
/** Processor time of a byte through TLS on loopback at both ends, and its copies into and out of frames: docs/benchmarks.md. */
const BYTE_NANOS = 1.6;

/** What `predict` says where one of the overheads is counted and all else takes no time. */
type Part = (compiled: CompiledModel, overheads: Partial<Overheads>) => number;

/** The overheads that make three references take what they took; the model under test has no part in it. */
export function fitOverheads(
  [linear, relu, wide]: readonly CompiledModel[],
  [linearMs, reluMs, wideMs]: readonly number[],
  rounds: readonly number[],
  part: Part,
): Omit<Overheads, 'sampleMs' | 'loadedContention'> {
  const alone = (compiled: CompiledModel) => part(compiled, { contention: 1 });
  const bytes = (compiled: CompiledModel) => part(compiled, { byteNanos: BYTE_NANOS });
  const rest = (compiled: CompiledModel, took: number, contention: number) =>
    took - contention * alone(compiled) - bytes(compiled);
  const fit = (contention: number) => {
    const requestMs = Math.max(0, rest(linear!, linearMs!, contention));
    const roundMs = Math.max(0, rest(relu!, reluMs!, contention) - requestMs) / rounds[1]!;
    return { requestMs, roundMs, contention, byteNanos: BYTE_NANOS };
  };
  // What the third reference leaves over becomes less as contention grows.
  let [low, high]: [number, number] = [...CONTENTION];
  for (let i = 0; i < 30; i++) {
    const { requestMs, roundMs, contention } = fit((low + high) / 2);
    if (rest(wide!, wideMs!, contention) > requestMs + rounds[2]! * roundMs) low = contention;
    else high = contention;
  }
  return fit(low);
}

/**
 * What a sample and arithmetic cost under load, such that two references are served as fast as they were.
 * @param estimateOf what is said of a reference where a sample costs nothing, and operations so many times what they take alone
 */
export function fitLoad(
  references: readonly [CompiledModel, CompiledModel],
  perSecond: readonly [number, number],
  estimateOf: (compiled: CompiledModel, loadedContention: number) => Estimate,
  batch: number,
  cores: number,
): Pick<Overheads, 'sampleMs' | 'loadedContention'> {
  const busyMs = (samplesPerSecond: number) => (Math.min(3, cores) * 1000 * batch) / samplesPerSecond;
  const [few, many] = references.map((compiled, index) => {
    const freeMs = busyMs(estimateOf(compiled, 0).samplesPerSecond);
    return {
      operationsMs: busyMs(estimateOf(compiled, 1).samplesPerSecond) - freeMs,
      restMs: busyMs(perSecond[index]!) - freeMs,
    };
  }) as [Record<'operationsMs' | 'restMs', number>, Record<'operationsMs' | 'restMs', number>];
  const more = many.operationsMs - few.operationsMs;
  const loadedContention = Math.max(0, (many.restMs - few.restMs) / more);
  const samplesMs = Math.max(0, few.restMs - loadedContention * few.operationsMs);
  return { sampleMs: samplesMs / Math.max(1, batch - 1), loadedContention };
}
