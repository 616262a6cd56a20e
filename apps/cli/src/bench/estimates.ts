/**
 * What the cost model says of each protocol, beside what was measured. What a request and a round cost is measured on two
 * models of its own, one dense layer and two with a ReLU between; arithmetic by `calibrate`. Nothing is fitted to the
 * model under test.
 */
import type { PredictionClient } from '@trivet/client';
import {
  calibrate,
  compile,
  type LayerGraph,
  type Network,
  type Overheads,
  type Plan,
  type Protocol,
  predict,
  type Speed,
} from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';
import { dealsAhead } from '../deals-ahead.js';
import type { ServingCluster } from './cluster.js';
import type { BenchReport, EstimateReport } from './report.js';
import { median } from './statistics.js';

const INPUTS = 784;
const HIDDEN = 64;
const OUTPUTS = 10;
const WARM_UP = 60;
const RUNS = 60;
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

async function measure(client: PredictionClient, model: string): Promise<number> {
  const inputs = new Float32Array(INPUTS).fill(0.5);
  const times: number[] = [];
  for (let run = 0; run < WARM_UP + RUNS; run++) {
    times.push((await client.predict(model, inputs, { protocol: 'replicated' })).timings.totalMs);
  }
  return median(times.slice(WARM_UP));
}

/** What a request and a round cost on this cluster, arithmetic and network taken out. */
async function measureOverheads(
  serving: ServingCluster,
  client: PredictionClient,
  replicated: Protocol,
  speed: Speed,
  network: Network,
): Promise<Overheads> {
  const none = { requestMs: 0, roundMs: 0 };
  const rest = async (graph: LayerGraph) => {
    const compiled = compile(graph, { inputRange: { min: 0, max: 1 } });
    await serving.shareAndServe(graph.name, compiled);
    const took = await measure(client, graph.name);
    const machine = { speed, overheads: none };
    const known = predict(compiled.plan, replicated, network, machine, 1, dealsAhead(replicated.name));
    return { left: Math.max(0, took - known.latencyMs), rounds: known.rounds };
  };
  const request = await rest(reference('reference-linear', []));
  const round = await rest(reference('reference-relu', [HIDDEN, HIDDEN, HIDDEN]));
  return {
    requestMs: request.left,
    roundMs: Math.max(0, round.left - request.left) / round.rounds,
  };
}

export async function estimateAll(
  serving: ServingCluster,
  client: PredictionClient,
  plan: Plan,
  table: ReadonlyMap<ProtocolName, Protocol>,
  measured: BenchReport['protocols'],
  network: Omit<Network, 'megabitsPerSecond'>,
): Promise<EstimateReport> {
  const on = { ...network, megabitsPerSecond: MEGABITS_PER_SECOND };
  const replicated = table.get('replicated')!;
  const base = await calibrate(replicated);
  const overheads = await measureOverheads(serving, client, replicated, base, on);
  const rows: EstimateReport['protocols'][number][] = [];
  for (const [name, report] of Object.entries(measured) as [
    ProtocolName,
    (typeof measured)[ProtocolName],
  ][]) {
    const protocol = table.get(name)!;
    const speed = protocol === replicated ? base : await calibrate(protocol);
    const estimate = predict(plan, protocol, on, { speed, overheads }, 1, dealsAhead(name));
    const declared = Math.max(...estimate.bytesSent);
    rows.push({
      protocol: name,
      materialReady: dealsAhead(name),
      predictedMs: estimate.latencyMs,
      measuredMs: report!.single.request.p50,
      predictedBytes: declared,
      measuredBytes: Math.max(...report!.bytesSent),
    });
  }
  return { overheads, protocols: rows };
}
