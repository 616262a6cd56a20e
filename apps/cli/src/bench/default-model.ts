/** The model that is measured unless another is named. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const OWN_MODEL = 'models/mnist/model.json';
/** The tutorial's own model where it lies beside the checkout, else the project's of the same architecture. */
const MODELS = ['../shared/models/short-conv-mnist.h5', OWN_MODEL];

/** Path relative to the working directory. */
export function defaultModel(): string {
  const found = MODELS.find((file) => existsSync(join(ROOT, file))) ?? OWN_MODEL;
  return relative(process.cwd(), join(ROOT, found));
}
