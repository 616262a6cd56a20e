/**
 * What the cost model says of each protocol, beside what was measured. What a request and a protocol's round cost is measured
 * on two models of its own, one dense layer and four with ReLUs between; arithmetic by `calibrate`. Nothing is fitted to the
 * model under test.
 */
import type { PredictionClient } from '@trivet/client';
import {
  calibrate,
  compile,
  type Estimate,
  type LayerGraph,
  type Network,
  type Overheads,
  type Plan,
  type Protocol,
  predict,
} from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';
import { dealsAhead } from '../deals-ahead.js';
import type { ServingCluster } from './cluster.js';
import { DealtAhead } from './dealt-ahead.js';
import type { BenchReport, EstimateReport } from './report.js';
import { median } from './statistics.js';

const INPUTS = 784;
const HIDDEN = 64;
const OUTPUTS = 10;
const WARM_UP = 60;
const RUNS = 60;
/** Processor time of a byte through TLS on loopback at both ends, and its copies into and out of frames: docs/benchmarks.md. */
export const BYTE_NANOS = 1.6;
/** Loopback: the network is not what limits. */
const MEGABITS_PER_SECOND = 10_000;

function reference(name: string, hidden: readonly number[]): LayerGraph {
  const sizes = [INPUTS, ...hidden, OUTPUTS];
  const nodes = sizes.slice(1).map((size, i): LayerGraph['nodes'][number] => {
    const values = Float64Array.from({ length: sizes[i]! * size }, (_, at) => Math.sin(at) / sizes[i]!);
    const activation = i + 2 < sizes.length ? 'relu' : 'linear';
    return {
      name: `dense${i}`,
      inputs: [i === 0 ? 'input' : `dense${i - 1}`],
      layer: { type: 'Dense', kernel: { shape: [sizes[i]!, size], values }, activation },
    };
  });
  return { name, input: 'input', inputShape: [INPUTS], nodes, output: `dense${nodes.length - 1}` };
}

/** Milliseconds of a request, material ready. */
async function measure(
  serving: ServingCluster,
  client: PredictionClient,
  model: string,
  protocol: ProtocolName,
  signal: AbortSignal,
): Promise<number> {
  const inputs = new Float32Array(INPUTS).fill(0.5);
  const pooled = dealsAhead(protocol) ? new DealtAhead(serving.metricsUrls[0]) : null;
  const times: number[] = [];
  for (let run = 0; run < WARM_UP + RUNS; run++) {
    await pooled?.ready(1, signal);
    times.push((await client.predict(model, inputs, { protocol, signal })).timings.totalMs);
  }
  return median(times.slice(WARM_UP));
}

/** A model that was measured, and what the model says of it but for the overheads. */
interface Reference {
  readonly took: number;
  readonly known: Estimate;
}

export async function estimateAll(
  serving: ServingCluster,
  client: PredictionClient,
  plan: Plan,
  table: ReadonlyMap<ProtocolName, Protocol>,
  measured: BenchReport['protocols'],
  network: Omit<Network, 'megabitsPerSecond'>,
  signal: AbortSignal,
): Promise<EstimateReport> {
  const on = { ...network, megabitsPerSecond: MEGABITS_PER_SECOND };
  const graphs = [reference('reference-linear', []), reference('reference-relu', [HIDDEN, HIDDEN, HIDDEN])];
  const models = graphs.map((graph) => compile(graph, { inputRange: { min: 0, max: 1 } }));
  const rows: EstimateReport['protocols'][number][] = [];
  for (const [name, report] of Object.entries(measured) as [
    ProtocolName,
    NonNullable<(typeof measured)[ProtocolName]>,
  ][]) {
    const protocol = table.get(name)!;
    const speed = await calibrate(protocol);
    const bare = { speed, overheads: { requestMs: 0, roundMs: 0, byteNanos: BYTE_NANOS } };
    const references: Reference[] = [];
    for (const [index, compiled] of models.entries()) {
      const model = graphs[index]!.name;
      await serving.shareAndServe(model, compiled, name);
      references.push({
        took: await measure(serving, client, model, name, signal),
        known: predict(compiled.plan, protocol, on, bare, 1, dealsAhead(name)),
      });
    }
    const [request, round] = references.map(({ took, known }) => Math.max(0, took - known.latencyMs));
    const overheads: Overheads = {
      requestMs: request!,
      roundMs: Math.max(0, round! - request!) / references[1]!.known.rounds,
      byteNanos: BYTE_NANOS,
    };
    const single = predict(plan, protocol, on, { speed, overheads }, 1, dealsAhead(name));
    const load = report.loads[0];
    const batch = predict(plan, protocol, on, { speed, overheads }, load?.requestSize ?? 1);
    rows.push({
      protocol: name,
      materialReady: dealsAhead(name),
      overheads,
      predictedMs: single.latencyMs,
      measuredMs: report.single.request.p50,
      predictedPerSecond: batch.samplesPerSecond,
      measuredPerSecond: load?.digitsPerSecond ?? null,
      predictedBytes: Math.max(...single.bytesSent),
      measuredBytes: Math.max(...report.bytesSent),
    });
  }
  return { protocols: rows };
}
