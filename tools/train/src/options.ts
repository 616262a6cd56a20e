/** Command-line options of the training script. */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const DEFAULT_OUT = fileURLToPath(new URL('../../../models/mnist/', import.meta.url));

export interface TrainOptions {
  readonly epochs: number;
  readonly seed: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Folder for model.json and the weights. */
  readonly out: string;
  /** Images to train on and to test on. */
  readonly trainImages: number;
  readonly testImages: number;
}

export const USAGE = `Trains the demo model: a small convolutional network on MNIST.

Usage: pnpm train [options]

  --epochs N          passes over the 60,000 training images (default 40)
  --seed N            the same seed gives the same model (default 1)
  --batch N           images in one step (default 128)
  --learning-rate X   Adam's step size at the start; it falls to zero along a cosine (default 0.003)
  --out DIR           where model.json and the weights go (default models/mnist)
  --quick             a tiny run that shows that everything works: one epoch of 2,560 images; unless --out says
                      otherwise, its model goes to a temporary folder, not over the real one
  --help              this text
`;

/** A wrong option: the message says which, and what it takes. */
export class UsageError extends Error {}

/** @returns the options, or null for --help. @throws UsageError */
export function parseOptions(args: readonly string[]): TrainOptions | null {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        epochs: { type: 'string' },
        seed: { type: 'string' },
        batch: { type: 'string' },
        'learning-rate': { type: 'string' },
        out: { type: 'string' },
        quick: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw new UsageError(`${(error as Error).message} Try --help.`);
  }
  if (values.help === true) return null;
  const quick = values.quick === true;
  const integer = (name: string, fallback: number, minimum: number, maximum: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      throw new UsageError(`--${name} takes a whole number from ${minimum} to ${maximum}, not "${text}".`);
    }
    return value;
  };
  const learningRate = Number(values['learning-rate'] ?? 0.003);
  if (!(learningRate > 0 && learningRate <= 1)) {
    throw new UsageError(
      `--learning-rate takes a number above 0, up to 1, not "${values['learning-rate']}".`,
    );
  }
  return {
    epochs: integer('epochs', quick ? 1 : 40, 1, 10_000),
    seed: integer('seed', 1, 0, 2 ** 27),
    batch: integer('batch', 128, 1, 2000),
    learningRate,
    out: resolve(
      (values.out as string | undefined) ?? (quick ? join(tmpdir(), 'trivet-quick-model') : DEFAULT_OUT),
    ),
    trainImages: quick ? 2560 : 60_000,
    testImages: quick ? 1000 : 10_000,
  };
}
