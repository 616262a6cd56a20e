/** What `trivet check` prints. */
import type { CompilationResult } from '@trivet/mpc-core';
import type { ModelSignature } from '@trivet/shared-types';
import { formatBytes, formatTable } from '../terminal/table.js';

/** Declared costs of one request of one sample under a protocol. */
export interface ProtocolCost {
  readonly protocol: string;
  readonly rounds: number;
  /** By worker; the part that is dealt ahead included. */
  readonly bytesSent: readonly [number, number, number];
  readonly bytesDealt: readonly [number, number, number];
  /** What rounds and bytes take on each of `NETWORKS`, computing left out. */
  readonly networkMs: readonly number[];
}

/** Networks that the report gives times for. */
export const NETWORKS = [
  { name: 'LAN', oneWayMs: 0.1, megabitsPerSecond: 1000 },
  { name: 'WAN', oneWayMs: 20, megabitsPerSecond: 100 },
] as const;

export interface CheckResult {
  readonly path: string;
  readonly format: string;
  readonly version: number | null;
  readonly signature: ModelSignature;
  readonly compiled: CompilationResult;
  /** Inputs that were tried. */
  readonly samples: number;
  readonly costs: readonly ProtocolCost[];
}

export function checkReport({
  path,
  format,
  version,
  signature,
  compiled,
  samples,
  costs,
}: CheckResult): string {
  const { plan, inputRange, folded, report, multiplications } = compiled;
  const weights = compiled.weights.reduce((sum, weight) => sum + weight.length, 0);
  const which = version === null ? format : `${format}, version ${version}`;
  const { input, output } = signature;
  const lines = [
    `${path}: ${which}; ${input.name} [${plan.inputShape.join(', ')}] to ${output.name} [${plan.outputShape.join(', ')}]`,
    `Inputs of ${inputRange.min} to ${inputRange.max}; ${plan.fractionalBits} fractional bits.`,
    '',
    layers(report, samples > 0),
    `${weights} weights, ${multiplications} multiplications a sample.`,
  ];
  if (samples > 0) {
    lines.push(`LARGEST is what no input in the range can exceed, SEEN the largest of ${samples} samples.`);
  }
  if (folded.length > 0) {
    lines.push('', 'Folded away:', ...folded.map(({ layer, into }) => `  ${layer} into ${into}`));
  }
  if (plan.outputActivation !== 'linear') {
    lines.push('', `The client applies the ${plan.outputActivation} at the end.`);
  }
  lines.push('', protocols(costs), '', 'Every value fits.');
  return lines.join('\n');
}

function layers(report: CompilationResult['report'], seen: boolean): string {
  const headings = ['LAYER', 'STEP', 'OUTPUT', 'PRODUCTS', 'LARGEST', ...(seen ? ['SEEN'] : []), 'BITS LEFT'];
  const short = (value: number) => Number(value.toPrecision(3));
  const rows = report.map((step) => [
    step.name,
    step.op,
    step.outputShape.join(' x '),
    step.multiplications,
    short(step.bound),
    ...(seen ? [short(step.observed ?? 0)] : []),
    Number(step.bitsLeft.toFixed(1)),
  ]);
  return formatTable(headings, rows);
}

function protocols(costs: readonly ProtocolCost[]): string {
  const total = (bytes: readonly number[]) => bytes.reduce((sum, each) => sum + each, 0);
  const headings = [
    'PROTOCOL',
    'ROUNDS',
    'BYTES',
    'DEALT AHEAD',
    ...NETWORKS.map(({ name }) => `${name} MS`),
  ];
  const rows = costs.map((cost) => [
    cost.protocol,
    cost.rounds,
    formatBytes(total(cost.bytesSent)),
    formatBytes(total(cost.bytesDealt)),
    ...cost.networkMs.map((ms) => Number(ms.toFixed(1))),
  ]);
  const networks = NETWORKS.map(
    ({ name, oneWayMs, megabitsPerSecond }) => `${name}: ${oneWayMs} ms one way, ${megabitsPerSecond} Mbit/s`,
  ).join('; ');
  return `${formatTable(headings, rows)}\nOne request of one sample, between the three workers. Times are the network's alone (${networks}).`;
}
