/** What `trivet share` prints: the table of layers, and what comes next. */
import type { SharedModel } from '@trivet/client';
import type { CompilationResult } from '@trivet/mpc-core';
import { formatTable } from '../terminal/table.js';

/** What each step of the compiled model costs and how much room its values have. */
export function layerTable(compiled: CompilationResult): string {
  const rows = compiled.report.map((step) => [
    step.name,
    step.op,
    step.outputShape.join(' x '),
    step.multiplications,
    Number(step.bound.toPrecision(3)),
    Number(step.bitsLeft.toFixed(1)),
  ]);
  const table = formatTable(['LAYER', 'STEP', 'OUTPUT', 'PRODUCTS', 'LARGEST', 'BITS LEFT'], rows);
  const weights = compiled.weights.reduce((sum, weight) => sum + weight.length, 0);
  return `${table}\n${weights} weights, ${compiled.multiplications} multiplications a sample.`;
}

/** What the owner says next, so that the version answers. @param versions all of the model, this one too */
export function nextStep({ name, version }: SharedModel, versions: readonly SharedModel[]): string {
  // One whose limit is used up is the current one still; going on from there would answer nobody.
  const current = versions.find((one) => one.current && one.state !== 'END');
  if (current !== undefined) {
    return `Version ${current.version} answers until you switch: \`trivet switch ${name} ${version}\`.`;
  }
  const isNewest = versions.every((one) => one.version <= version);
  return `Serve it with \`trivet serve ${name}${isNewest ? '' : ` --model-version ${version}`}\`.`;
}
