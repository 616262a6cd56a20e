/** The table of layers that `trivet share` prints. */
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
