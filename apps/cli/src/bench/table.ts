/** A bench report as tables for people. */
import { formatBytes, formatTable } from '../terminal/table.js';
import {
  type BatchReport,
  type BenchReport,
  type EstimateReport,
  type PerWorker,
  type ProtocolReport,
  sum,
} from './report.js';
import type { Summary } from './statistics.js';

const NAMES = ['alice', 'bob', 'carol'] as const;

export function formatReport(report: BenchReport): string {
  const { machine, plaintext } = report;
  const sections = [
    `${machine.cores} cores of ${machine.cpu}, Node.js ${machine.node}, load ${machine.loadAverage.toFixed(1)} before the run; evaluators ${machine.evaluatorsApart ? 'on cores of their own where cores are few' : 'wherever the system puts them'}`,
    `Model ${report.model}; ${network(report)}`,
  ];
  for (const [name, protocol] of Object.entries(report.protocols)) {
    sections.push(
      `\n${name}: one request at a time, from the client's numbers to its logits`,
      requests(protocol, plaintext),
      `\n${name}: where one digit's time goes (medians)`,
      parts(protocol),
      `\n${name}: under load; every client keeps one request open, all clients share one process on this machine`,
      loads(protocol),
      ...allDigits(protocol.allDigits),
      `\n${name}: one digit, by step (times are medians and include waiting)`,
      steps(protocol),
      `\n${name}: each worker`,
      workers(protocol),
    );
    if (protocol.soak !== null) sections.push(`\n${name}: memory over time`, soak(protocol.soak.points));
  }
  if (report.estimates !== null) {
    sections.push('\nThe cost model', estimates(report.estimates));
  }
  return sections.join('\n');
}

function estimates({ protocols }: EstimateReport): string {
  const off = (predicted: number, measured: number) => `${((predicted / measured - 1) * 100).toFixed(0)} %`;
  const rows = protocols.map((row) => [
    row.protocol,
    row.materialReady ? 'yes' : '',
    ms(row.overheads.requestMs),
    ms(row.overheads.roundMs),
    ms(row.predictedMs),
    ms(row.measuredMs),
    off(row.predictedMs, row.measuredMs),
    row.predictedPerSecond.toFixed(0),
    row.measuredPerSecond.toFixed(0),
    off(row.predictedPerSecond, row.measuredPerSecond),
    row.predictedBytes,
    row.measuredBytes,
  ]);
  const head = [
    'protocol',
    'material ready',
    'request ms',
    'round ms',
    'one digit, predicted ms',
    'measured',
    'off by',
    'digits/s, predicted',
    'measured',
    'off by',
    'bytes, busiest worker, predicted',
    'measured',
  ];
  return formatTable(head, rows);
}

function network({ rttMs, relayRoundTripMs, reveal }: BenchReport): string {
  const answers = reveal === 'logits' ? '' : `; answers are ${reveal}`;
  if (relayRoundTripMs === null) return `loopback, mutual TLS between workers${answers}`;
  return `round-trip time ${rttMs} ms everywhere (${relayRoundTripMs.toFixed(2)} ms measured), mutual TLS between workers${answers}`;
}

function requests(protocol: ProtocolReport, plaintext: BenchReport['plaintext']): string {
  const row = (what: string, digits: number, times: Summary, ratio: string, cpu: string, client: string) => [
    what,
    digits,
    times.samples,
    ms(times.p50),
    ms(times.p95),
    ms(times.p99),
    ms(times.p50 / digits),
    ratio,
    cpu,
    client,
  ];
  const plain = (digits: number) =>
    digits === 1 ? plaintext.single.p50 : (plaintext.batch100.p50 * digits) / 100;
  const cpu = ({ workerCpuMsPerDigit }: BatchReport) =>
    workerCpuMsPerDigit.map((each) => each.toFixed(2)).join(' ');
  return formatTable(
    [
      '',
      'digits',
      'runs',
      'median ms',
      'p95',
      'p99',
      'ms a digit',
      'to plaintext',
      'CPU ms a digit, a worker',
      'client',
    ],
    [
      row('plaintext', 1, plaintext.single, '', '', ''),
      row('plaintext', 100, plaintext.batch100, '', '', ''),
      ...protocol.batches.map((batch) => {
        const ratio = `${(batch.request.p50 / plain(batch.digits)).toFixed(0)} x`;
        const client = batch.clientCpuMsPerDigit.toFixed(2);
        return row('private', batch.digits, batch.request, ratio, cpu(batch), client);
      }),
    ],
  );
}

function parts({ parts: { shareMs, networkMs, queueMs, batchMs, reconstructMs } }: ProtocolReport): string {
  const inWorkers = Math.max(...queueMs.map((queue, index) => queue + batchMs[index]!));
  return formatTable(
    ['', 'ms'],
    [
      ['client encodes and shares', ms(shareMs)],
      ['way to the workers and back, socket.io included', ms(networkMs - inWorkers)],
      ['worker waits until all three have the request: alice, bob, carol', queueMs.map(ms).join(' ')],
      ['worker runs the batch: alice, bob, carol', batchMs.map(ms).join(' ')],
      ['client reconstructs', ms(reconstructMs)],
    ],
  );
}

function loads({ loads: all }: ProtocolReport): string {
  return formatTable(
    [
      'clients',
      'digits a request',
      'a batch',
      'digits a second',
      'median ms',
      'p95',
      'p99',
      'CPU ms a digit, a worker',
      'client',
      'accuracy',
    ],
    all.map((load) => [
      load.clients,
      load.requestSize,
      load.meanBatch.toFixed(1),
      Math.round(load.digitsPerSecond),
      ms(load.request.p50),
      ms(load.request.p95),
      ms(load.request.p99),
      load.workerCpuMsPerDigit.map((each) => each.toFixed(2)).join(' '),
      load.clientCpuMsPerDigit.toFixed(2),
      load.accuracy.toFixed(4),
    ]),
  );
}

function allDigits(report: ProtocolReport['allDigits']): string[] {
  if (report === null) return [];
  const { digits, requestSize, seconds, accuracy } = report;
  return [
    `The first ${digits} test digits by one client, ${requestSize} a request, one request after the other: ${seconds.toFixed(1)} s, accuracy ${accuracy.toFixed(4)}.`,
  ];
}

function steps(protocol: ProtocolReport): string {
  const rows = protocol.steps.map((step) => [
    step.name,
    step.op,
    step.rounds,
    ...step.bytesSent,
    ...step.ms.map((each) => each.toFixed(3)),
  ]);
  const total = (index: 0 | 1 | 2) =>
    protocol.steps.reduce((all, step) => all + step.ms[index], 0).toFixed(3);
  rows.push(['all', '', protocol.rounds, ...protocol.bytesSent, total(0), total(1), total(2)]);
  return formatTable(
    ['step', '', 'rounds', ...NAMES.map((name) => `${name} sends`), ...NAMES.map((name) => `${name} ms`)],
    rows,
  );
}

function workers(protocol: ProtocolReport): string {
  const row = (what: string, values: PerWorker<number>, format: (value: number) => string, all = true) => [
    what,
    ...values.map(format),
    all ? format(sum(values)) : '',
  ];
  const { residentBytes } = protocol;
  return formatTable(
    ['one digit', ...NAMES, 'together'],
    [
      row('protocol messages to peers', protocol.bytesSent, formatBytes),
      row('  of these dealt', protocol.bytesDealt, formatBytes),
      row('dealt to it', protocol.bytesDealtTo, formatBytes),
      row('all bytes to peers, frames and control included', protocol.meshBytesPerDigit, bytes),
      row('upload from the client', protocol.uploadBytes, formatBytes),
      row('download to the client', protocol.downloadBytes, formatBytes),
      row('CPU ms', protocol.single.workerCpuMsPerDigit, ms),
      row('memory before the first digit', residentBytes.start, formatBytes),
      row('memory at the end', residentBytes.end, formatBytes),
    ],
  );
}

function soak(points: NonNullable<ProtocolReport['soak']>['points']): string {
  return formatTable(
    ['after digits', ...NAMES],
    points.map(({ digits, residentBytes }) => [digits, ...residentBytes.map(formatBytes)]),
  );
}

const bytes = (value: number): string => formatBytes(Math.ceil(value));
const ms = (value: number): string => value.toFixed(value < 1 ? 3 : 2);
