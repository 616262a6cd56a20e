/** What `trivet check` prints. */
import { type CompilationResult, revealOf } from '@trivet/mpc-core';
import type { ModelSignature } from '@trivet/shared-types';
import { formatBytes, formatTable } from '../terminal/table.js';
import { NETWORKS, type NetworkName, OVERHEADS, type ProtocolCost } from './check-costs.js';

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
  const reveal = revealOf(plan);
  if (reveal !== 'logits') {
    lines.push(
      '',
      `Clients receive ${reveal === 'label' ? 'the class alone' : `the ${reveal} classes, in order`}, and no value.`,
    );
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

const COLUMNS: Readonly<Record<NetworkName, string>> = { local: 'HERE MS', lan: 'LAN MS', wan: 'WAN MS' };
const NAMES = Object.keys(COLUMNS) as NetworkName[];

function protocols(costs: readonly ProtocolCost[]): string {
  const total = (bytes: readonly number[]) => bytes.reduce((sum, each) => sum + each, 0);
  const short = (ms: number) => Number(ms.toFixed(ms < 100 ? 1 : 0));
  const headings = ['PROTOCOL', 'ROUNDS', 'BYTES', 'DEALT', 'CPU MS', ...NAMES.map((name) => COLUMNS[name])];
  const rows = costs.map((cost) => [
    cost.protocol,
    cost.rounds,
    formatBytes(total(cost.bytesSent)),
    formatBytes(total(cost.bytesDealt)),
    short(cost.computeMs),
    ...NAMES.map((name) => short(cost.requestMs[name])),
  ]);
  const ahead = costs.filter(({ dealtAhead }) => dealtAhead).map(({ protocol }) => protocol);
  const overheads = costs.map(({ protocol }) => {
    const { requestMs, roundMs } = OVERHEADS[protocol];
    return `${requestMs} a request and ${roundMs} a round of ${protocol}`;
  });
  const network = (name: 'lan' | 'wan') =>
    `${name.toUpperCase()} ${NETWORKS[name].roundTripMs} ms there and back, ${NETWORKS[name].megabitsPerSecond} Mbit/s`;
  return [
    formatTable(headings, rows),
    'One request of one sample, predicted: bytes and CPU of the three workers together, time from the input to the answer.',
    `HERE: all three on this machine, ${NETWORKS.local.cores} cores. A machine like this one each: ${network('lan')}; ${network('wan')}.`,
    `Arithmetic was measured now; the rest of a service counts, in ms, ${overheads.join(', ')}.`,
    `DEALT depends on no input${ahead.length === 0 ? '' : `; for ${ahead.join(', ')} it is ready before the request`}.`,
  ].join('\n');
}
