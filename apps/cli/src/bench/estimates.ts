/**
 * What the cost model says of each protocol, beside what was measured. What a request, a protocol's round and company on the
 * same cores cost is measured on three models of its own: one dense layer, four with small ReLUs between, and one large ReLU,
 * the last under load too; arithmetic by `calibrate`. Nothing is fitted to the model under test.
 */
import type { PredictionClient } from '@trivet/client';
import {
  type CompiledModel,
  calibrate,
  compile,
  type LayerGraph,
  type Network,
  type Overheads,
  type Plan,
  type Protocol,
  predict,
  predictCost,
  type Speed,
} from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';
import { dealsAhead } from '../deals-ahead.js';
import { MODEL_NAME, type ServingCluster } from './cluster.js';
import { DealtAhead } from './dealt-ahead.js';
import { fitLoad, fitOverheads } from './fit.js';
import type { LoadProcess } from './load/start-load.js';
import type { BenchReport, EstimateReport, LoadReport } from './report.js';
import { median } from './statistics.js';

const INPUTS = 784;
const HIDDEN = 64;
const WIDE_FILTERS = 8;
/** The ReLU then has 23 bits, about as many as those of real models: what a bit costs is counted from 24 on. */
const WIDE_WEIGHT = 4;
const OUTPUTS = 10;
/** Blocks of requests, the models in turn, so that all are measured on the same machine at the same time. */
const WARM_UP_BLOCKS = 6;
const BLOCKS = 12;
const BLOCK = 12;
/** Where the network is slow, a block is shorter. */
const BLOCK_MS = 250;
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

/** Many values in one ReLU, and few products: 13 x 13 x 8. */
function wideReference(name: string): LayerGraph {
  const values = (length: number) => Float64Array.from({ length }, (_, at) => WIDE_WEIGHT * Math.sin(at));
  const pixels = Math.sqrt(INPUTS);
  const kernel = { shape: [4, 4, 1, WIDE_FILTERS], values: values(16 * WIDE_FILTERS) };
  const features = 13 * 13 * WIDE_FILTERS;
  const dense = { shape: [features, OUTPUTS], values: values(features * OUTPUTS) };
  return {
    name,
    input: 'input',
    inputShape: [pixels, pixels, 1],
    nodes: [
      {
        name: 'conv',
        inputs: ['input'],
        layer: {
          type: 'Conv2D',
          kernel,
          strides: [2, 2],
          padding: 'valid',
          dilationRate: [1, 1],
          activation: 'relu',
        },
      },
      { name: 'flatten', inputs: ['conv'], layer: { type: 'Flatten' } },
      {
        name: 'dense',
        inputs: ['flatten'],
        layer: { type: 'Dense', kernel: dense, activation: 'linear' },
      },
    ],
    output: 'dense',
  };
}

/** How long a load runs before it is measured, and how long it is. */
const LOAD_MS = { warmUpMs: 3000, measureMs: 8000 };

/** Digits a second of each of some models under the same load, one after the other. */
async function measureUnderLoad(
  { cluster }: ServingCluster,
  models: readonly string[],
  { clients, requestSize }: LoadReport,
  load: LoadProcess,
): Promise<readonly number[]> {
  const rates: number[] = [];
  for (const model of models) {
    const { digits, seconds } = await load.run({ cluster, model, clients, requestSize, ...LOAD_MS });
    rates.push(digits / seconds);
  }
  return rates;
}

/** Milliseconds of a request to each of some models, material ready; medians. */
async function measure(
  serving: ServingCluster,
  client: PredictionClient,
  models: readonly string[],
  protocol: ProtocolName,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const inputs = new Float32Array(INPUTS).fill(0.5);
  const times = models.map((): number[] => []);
  for (let block = 0; block < WARM_UP_BLOCKS + BLOCKS; block++) {
    for (const [index, model] of models.entries()) {
      const pooled = dealsAhead(protocol) ? new DealtAhead(serving.metricsUrls[0]) : null;
      const until = performance.now() + BLOCK_MS;
      for (let run = 0; run < BLOCK && performance.now() < until; run++) {
        await pooled?.ready(1, signal);
        const { timings } = await client.predict(model, inputs, { protocol, signal });
        if (block >= WARM_UP_BLOCKS) times[index]!.push(timings.totalMs);
      }
    }
  }
  return times.map(median);
}

export async function estimateAll(
  serving: ServingCluster,
  client: PredictionClient,
  plan: Plan,
  table: ReadonlyMap<ProtocolName, Protocol>,
  measured: BenchReport['protocols'],
  where: Omit<Network, 'megabitsPerSecond'>,
  load: LoadProcess,
  signal: AbortSignal,
): Promise<EstimateReport> {
  const on = { ...where, megabitsPerSecond: MEGABITS_PER_SECOND };
  const graphs = [
    reference('reference-linear', []),
    reference('reference-relu', [HIDDEN, HIDDEN, HIDDEN]),
    wideReference('reference-wide'),
  ];
  const models = graphs.map((graph) => compile(graph, { inputRange: { min: 0, max: 1 } }));
  const rows: EstimateReport['protocols'][number][] = [];
  for (const [name, report] of Object.entries(measured) as [
    ProtocolName,
    NonNullable<(typeof measured)[ProtocolName]>,
  ][]) {
    const protocol = table.get(name)!;
    const speed = await calibrate(protocol);
    await serving.serve(name);
    for (const [index, compiled] of models.entries()) {
      await serving.shareAndServe(graphs[index]!.name, compiled, name);
    }
    const names = [...graphs.map((graph) => graph.name), MODEL_NAME];
    const times = await measure(serving, client, names, name, signal);
    const one = (compiled: CompiledModel, machine: { speed: Speed; overheads: Overheads }) =>
      predict(compiled.plan, protocol, on, machine, 1, dealsAhead(name));
    const nothing = {
      requestMs: 0,
      sampleMs: 0,
      roundMs: 0,
      contention: 0,
      loadedContention: 0,
      byteNanos: 0,
    };
    const network = models.map((compiled) => one(compiled, { speed, overheads: nothing }));
    const alone = fitOverheads(
      models,
      times.map((took, index) => took - (network[index]?.latencyMs ?? 0)),
      network.map(({ rounds }) => rounds),
      (compiled, counted) =>
        one(compiled, { speed, overheads: { ...nothing, ...counted } }).latencyMs -
        one(compiled, { speed, overheads: nothing }).latencyMs,
    );
    const headline = report.loads[0]!;
    const underLoad = (of: Plan, overheads: Overheads) =>
      predict(of, protocol, on, { speed, overheads }, headline.requestSize);
    const [linearRate, wideRate, measuredPerSecond] = await measureUnderLoad(
      serving,
      [graphs[0]!.name, graphs[2]!.name, MODEL_NAME],
      headline,
      load,
    );
    const fitted = fitLoad(
      [models[0]!, models[2]!],
      [linearRate!, wideRate!],
      ({ plan: of }, loadedContention) => underLoad(of, { ...alone, sampleMs: 0, loadedContention }),
      headline.requestSize,
      on.cores,
    );
    const overheads = { ...alone, ...fitted };
    rows.push({
      protocol: name,
      materialReady: dealsAhead(name),
      overheads,
      predictedMs: predict(plan, protocol, on, { speed, overheads }, 1, dealsAhead(name)).latencyMs,
      measuredMs: times[models.length]!,
      predictedPerSecond: underLoad(plan, overheads).samplesPerSecond,
      measuredPerSecond: measuredPerSecond!,
      predictedBytes: Math.max(...predictCost(plan, protocol, 1, dealsAhead(name)).bytesSent),
      measuredBytes: Math.max(...report.bytesSent),
    });
  }
  return { protocols: rows };
}
