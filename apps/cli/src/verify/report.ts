/** What `pnpm verify` measures, and the bounds that it holds it to. */

export interface VerifyReport {
  readonly count: number;
  /** Of the private classes, against MNIST's labels. */
  readonly accuracy: number;
  /** Of the plaintext float classes. */
  readonly plaintextAccuracy: number;
  /** Images of another class than in plaintext, among those whose two highest plaintext logits are far apart. */
  readonly classMismatches: number;
  /** Null for a model that reveals classes only. */
  readonly maxLogitError: number | null;
}

/** Two logits that are closer than twice the largest error may change places. */
export const CLEAR_MARGIN = 0.004;
export const MAX_LOGIT_ERROR = 0.002;
export const MAX_ACCURACY_DIFFERENCE = 0.0002;

/**
 * @param privateLogits count * classes, from the workers' shares
 * @param plainLogits the same, from float arithmetic on the layers as they were trained
 */
export function compareLogits(
  privateLogits: Float64Array,
  plainLogits: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): VerifyReport & { readonly maxLogitError: number } {
  // A NaN is the worst error of all, and Math.max would keep it.
  const maxLogitError = privateLogits.reduce(
    (most, logit, index) => Math.max(most, Math.abs(logit - plainLogits[index]!)),
    0,
  );
  const found = Int32Array.from(labels, (_, image) => {
    return topTwo(privateLogits.subarray(image * classes, (image + 1) * classes))[0];
  });
  return { ...compareClasses(found, plainLogits, labels, classes), maxLogitError };
}

/**
 * @param found the class of each image, from the workers' shares
 * @param plainLogits count * classes, from float arithmetic on the layers as they were trained
 */
export function compareClasses(
  found: Int32Array,
  plainLogits: Float64Array,
  labels: ArrayLike<number>,
  classes: number,
): VerifyReport {
  const count = labels.length;
  let correct = 0;
  let plainCorrect = 0;
  let classMismatches = 0;
  for (let image = 0; image < count; image++) {
    const plain = plainLogits.subarray(image * classes, (image + 1) * classes);
    const [best, second] = topTwo(plain);
    if (found[image] === labels[image]) correct++;
    if (best === labels[image]) plainCorrect++;
    if (found[image] !== best && plain[best]! - plain[second]! > CLEAR_MARGIN) classMismatches++;
  }
  return {
    count,
    accuracy: correct / count,
    plaintextAccuracy: plainCorrect / count,
    classMismatches,
    maxLogitError: null,
  };
}

/** A sentence for each bound that is broken. */
export function brokenBounds(report: VerifyReport): string[] {
  const { count, accuracy, plaintextAccuracy, classMismatches, maxLogitError } = report;
  const broken: string[] = [];
  // Accuracy comes in steps of one image, and one image may lie on the boundary.
  const allowed = Math.max(MAX_ACCURACY_DIFFERENCE, 1 / count);
  if (!(Math.abs(accuracy - plaintextAccuracy) <= allowed + 1e-12)) {
    broken.push(
      `The accuracy is ${accuracy}, in plaintext ${plaintextAccuracy}: they differ by more than ${allowed}.`,
    );
  }
  if (classMismatches > 0) broken.push(`${classMismatches} images have another class than in plaintext.`);
  if (maxLogitError !== null && !(maxLogitError <= MAX_LOGIT_ERROR)) {
    broken.push(`A logit is off by ${maxLogitError}, more than ${MAX_LOGIT_ERROR}.`);
  }
  return broken;
}

/** Indices of the largest and the second largest value. */
function topTwo(values: Float64Array): readonly [number, number] {
  let best = 0;
  let second = -1;
  for (let index = 1; index < values.length; index++) {
    if (values[index]! > values[best]!) {
      second = best;
      best = index;
    } else if (second === -1 || values[index]! > values[second]!) second = index;
  }
  return [best, Math.max(second, 0)];
}
