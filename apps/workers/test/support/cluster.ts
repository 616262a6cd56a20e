/** Three real worker processes, a small model, and just enough of a client to try them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  compile,
  createCpuSharer,
  createKernels,
  inputSharesFor,
  type LayerGraph,
  randomSeed,
  reconstructOutputs,
  shareModel,
} from '@trivet/mpc-core';
import {
  type AccessOrder,
  type ClientChannel,
  type ClientToken,
  canonicalJson,
  decodePredictReply,
  EVENTS,
  encodePredictRequest,
  joinedParser,
  type Manifest,
  manifestDigest,
  type Outcome,
  openChannel,
  PROTOCOL_NAMES,
  type ProtocolName,
  type ServingOrder,
  type SignedAccessOrder,
  type SignedServingOrder,
  sha256Hex,
  signAccessOrder,
  signManifest,
  signOwnerChallenge,
  signServingOrder,
  type TokenGrant,
  TrivetError,
  type WorkerStatus,
} from '@trivet/shared-types';
import { io, type Socket } from 'socket.io-client';
import { type ClusterOptions, type CreatedCluster, createCluster } from '../../src/cluster/create.js';
import { KillPoints } from './kill-points.js';

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
export type Triple<T> = [T, T, T];

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** The limit is for what will never be: on a machine with other work everything takes its time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 60_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** One worker as a process of its own. */
export class WorkerProcess {
  child: ChildProcess | undefined;
  readonly lines: Record<string, unknown>[] = [];
  stderr = '';

  constructor(
    private readonly configFile: string,
    /** Where it can be made to end by itself. */
    readonly killPoints = new KillPoints(`${configFile}.steps`),
    /** A module that it loads before anything else. */
    private readonly preload?: string,
  ) {}

  async start(): Promise<void> {
    const child = this.spawn();
    const ready = () => this.lines.some((line) => line.msg === 'ready');
    await until(() => child.exitCode !== null || ready(), 'ready', 60_000);
    if (child.exitCode !== null) throw new Error(`the worker exited: ${this.stderr}`);
  }

  spawn(): ChildProcess {
    if (!existsSync(MAIN)) throw new Error('build first: npx tsc -b');
    this.lines.length = 0;
    this.stderr = '';
    const { execArgv, env } = this.killPoints;
    const before = this.preload === undefined ? execArgv : [...execArgv, '--import', this.preload];
    const child = spawn(process.execPath, [...before, MAIN, '--config', this.configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    createInterface({ input: child.stdout! }).on('line', (line) => this.lines.push(JSON.parse(line)));
    child.stderr!.on('data', (text) => {
      this.stderr += text;
    });
    this.child = child;
    return child;
  }

  /** Waits until it has ended by itself; gives the signal, or the exit code. */
  async ended(): Promise<NodeJS.Signals | number | null> {
    const { child } = this;
    if (child === undefined) throw new Error('the worker was not started');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.signalCode ?? child.exitCode;
  }

  /** Gives the exit code. */
  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const exit = once(child, 'exit');
    child.kill(signal);
    return (await exit)[0];
  }
}

export interface TestCluster extends CreatedCluster {
  readonly directory: string;
  readonly workers: Triple<WorkerProcess>;
  stop(): Promise<void>;
}

export async function startCluster(
  options: Omit<ClusterOptions, 'workers'> = {},
  /** Changes what stands in each worker's configuration. */
  configure: (config: object) => object = (config) => config,
  /** A module that each worker loads before anything else. */
  preload?: string,
): Promise<TestCluster> {
  const root = await mkdtemp(join(tmpdir(), 'trivet-workers-'));
  const directory = join(root, 'cluster');
  const ports = await freePorts(6);
  const worker = (name: string, i: number) => {
    return { name, host: 'localhost', clientPort: ports[i]!, meshPort: ports[i + 3]! };
  };
  const created = await createCluster(directory, {
    ...options,
    workers: [worker('alice', 0), worker('bob', 1), worker('carol', 2)],
  });
  const workers = created.configFiles.map(
    (file, i) => new WorkerProcess(file, new KillPoints(join(root, `steps-${i}`)), preload),
  ) as Triple<WorkerProcess>;
  for (const file of created.configFiles) {
    await writeFile(file, JSON.stringify(configure(JSON.parse(await readFile(file, 'utf8')))));
  }
  const stop = async () => {
    await Promise.all(workers.map((process) => process.stop('SIGKILL')));
    await rm(root, { recursive: true, force: true });
  };
  try {
    await Promise.all(workers.map((process) => process.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...created, directory, workers, stop };
}

/** A client that talks to each worker by itself, so that tests can misbehave. */
export class TestClient {
  readonly sockets: Triple<Socket>;
  /** Sealed, of the sockets' present connections. */
  readonly channels: Triple<ClientChannel | null> = [null, null, null];
  /** Whatever the workers push. */
  pushed: (worker: number, event: string, value: unknown) => void = () => {};
  /** Calls that no answer came for yet: there will be none on another connection. */
  readonly #waiting: Triple<Set<(error: Error) => void>> = [new Set(), new Set(), new Set()];

  constructor(
    private readonly cluster: CreatedCluster,
    extraHeaders: Record<string, string> = {},
  ) {
    this.sockets = cluster.cluster.workers.map(({ url, index, name, sealingKey: publicKey }) => {
      const socket = io(url, {
        transports: ['websocket'],
        parser: joinedParser,
        forceNew: true,
        extraHeaders,
        reconnectionDelay: 50,
        reconnectionDelayMax: 100,
      });
      const push = (event: string, value: unknown) => this.pushed(index, event, value);
      socket.on('connect', async () => {
        const { id } = socket;
        const broken = () => socket.disconnect();
        const opened = await openChannel(socket, { index, name, publicKey }, { push, broken }).catch(
          () => null,
        );
        if (socket.id === id) this.channels[index] = opened;
      });
      socket.on('disconnect', () => {
        this.channels[index]?.close();
        this.channels[index] = null;
        for (const give of this.#waiting[index]!) give(new Error('no answer: the connection is gone'));
      });
      return socket;
    }) as Triple<Socket>;
  }

  async connected(): Promise<this> {
    await until(() => this.channels.every((channel) => channel !== null), 'client connected');
    return this;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }

  /** @throws the worker's TrivetError */
  async call<T = unknown>(worker: number, event: string, payload: unknown = {}): Promise<T> {
    const waiting = this.#waiting[worker]!;
    let give: ((error: Error) => void) | undefined;
    const answered = new Promise<Outcome<T>>((resolve, reject) => {
      give = reject;
      waiting.add(reject);
      const channel = this.channels[worker];
      if (channel == null) throw new Error(`not connected to worker ${worker}`);
      channel.send(event, payload, (answer) => resolve(answer as Outcome<T>));
    });
    const timer = setTimeout(() => give?.(new Error('no answer')), 20_000);
    const outcome = await answered.finally(() => {
      clearTimeout(timer);
      waiting.delete(give!);
    });
    if (!outcome.ok) throw TrivetError.fromBody(outcome.error);
    return outcome.value;
  }

  all<T>(work: (worker: 0 | 1 | 2) => Promise<T>): Promise<Triple<T>> {
    return Promise.all(([0, 1, 2] as const).map(work)) as Promise<Triple<T>>;
  }

  status(worker: number): Promise<WorkerStatus> {
    return this.call<WorkerStatus>(worker, EVENTS.describe);
  }

  async ready(): Promise<this> {
    await this.connected();
    await until(
      async () => (await this.all((worker) => this.status(worker))).every((status) => status.ready),
      'all ready',
    );
    return this;
  }

  async authenticate(): Promise<this> {
    const secretKey = await this.#secretKey();
    const { clusterId } = this.cluster.cluster;
    await this.all(async (worker) => {
      const { challenge } = await this.call<{ challenge: string }>(worker, EVENTS.challenge);
      const signature = signOwnerChallenge(secretKey, clusterId, worker, challenge);
      await this.call(worker, EVENTS.authenticate, { signature });
    });
    return this;
  }

  async #secretKey(): Promise<string> {
    return (await readFile(this.cluster.ownerKeyFile, 'utf8')).trim();
  }

  /** Signs and uploads the small model. @param scale of its outputs, to tell versions apart */
  async share(
    name = 'small',
    version = 1,
    tamper = (file: Buffer): Buffer => file,
    protocols: readonly ProtocolName[] = PROTOCOL_NAMES,
    scale = 1,
  ): Promise<SharedTestModel> {
    const model = await this.prepare(name, version, protocols, scale);
    await this.all(async (worker) => this.commit(worker, await this.upload(worker, model, tamper)));
    await this.open(model);
    return model;
  }

  async prepare(...parameters: PrepareParameters): Promise<SharedTestModel> {
    return prepareModel(await this.#secretKey(), ...parameters);
  }

  /** Sends a worker its share, in two pieces. @param pieces how many of them */
  async upload(
    worker: 0 | 1 | 2,
    { signed, files }: SharedTestModel,
    tamper = (file: Buffer): Buffer => file,
    pieces = 2,
  ): Promise<string> {
    const begin = { manifest: signed, bytes: files[worker]!.length };
    const { uploadId } = await this.call<{ uploadId: string }>(worker, EVENTS.shareBegin, begin);
    const data = tamper(Buffer.from(files[worker]!));
    const half = data.length >> 1;
    for (const offset of [0, half].slice(0, pieces)) {
      const piece = offset === 0 ? data.subarray(0, half) : data.subarray(half);
      await this.call(worker, EVENTS.shareChunk, { uploadId, offset, data: piece });
    }
    return uploadId;
  }

  async commit(worker: number, uploadId: string): Promise<void> {
    await this.call(worker, EVENTS.shareCommit, { uploadId });
  }

  /** Lets every client on this machine ask for it. */
  async open({ name }: SharedTestModel): Promise<void> {
    await this.access((models) => ({ [name]: 'local', ...models }));
  }

  /** Proves to all three workers that this client holds the token. */
  async present(token: ClientToken): Promise<this> {
    await this.all(async (worker) => {
      const { challenge } = await this.call<{ challenge: string }>(worker, EVENTS.tokenChallenge);
      const proof = token.proof(this.cluster.cluster.clusterId, worker, challenge);
      await this.call(worker, EVENTS.token, { id: token.id, proof });
    });
    return this;
  }

  /** What an access order says of a token. */
  grant(token: ClientToken, limits: Partial<TokenGrant> = {}): TokenGrant {
    const verifier = (worker: number) => token.verifier(this.cluster.cluster.clusterId, worker);
    return {
      id: token.id,
      name: 'test',
      models: null,
      quota: null,
      rate: null,
      createdAt: new Date().toISOString(),
      expiresAt: null,
      revokedAt: null,
      verifiers: [verifier(0), verifier(1), verifier(2)],
      ...limits,
    };
  }

  async signAccess(order: AccessOrder): Promise<SignedAccessOrder> {
    return signAccessOrder(order, await this.#secretKey());
  }

  /** Says who may ask for which models, and with which tokens; what is shared is open to this machine unless told. */
  async access(
    models: (before: AccessOrder['models']) => AccessOrder['models'],
    tokens: (before: AccessOrder['tokens']) => AccessOrder['tokens'] = (before) => before,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { order: last } = await this.call<{ order: SignedAccessOrder | null }>(0, EVENTS.access);
      const before = last === null ? { sequence: 0, models: {}, tokens: [] } : JSON.parse(last.text);
      const wanted = { models: models(before.models), tokens: tokens(before.tokens) };
      if (canonicalJson({ ...before, ...wanted }) === canonicalJson(before)) return;
      const { clusterId } = this.cluster.cluster;
      const next: AccessOrder = { format: 1, clusterId, sequence: before.sequence + 1, ...wanted };
      const order = await this.signAccess(next);
      try {
        await this.all((worker) => this.call(worker, EVENTS.accessOrder, { order }));
        return;
      } catch (error) {
        // Another client of the same test was quicker.
        if (!(error instanceof TrivetError) || error.code !== 'ABORTED' || tries === 10) throw error;
      }
    }
  }

  /** Has the newest version served, counting anew. */
  async serve(
    model: string,
    requestLimit: number | null = null,
    protocol: ProtocolName | null = null,
  ): Promise<void> {
    const { models } = await this.status(0);
    const manifests = models.map(({ manifest, digest }) => {
      return { ...(JSON.parse(manifest.text) as Manifest), digest };
    });
    const [newest] = manifests.filter(({ name }) => name === model).sort((a, b) => b.version - a.version);
    await this.order(model, newest === undefined ? [] : [newest], {
      requestLimit,
      protocol: protocol ?? newest!.protocols[0]!,
    });
  }

  /** Gives the three workers an order, the last of the versions being the current one; resolves when all follow it. */
  async order(
    model: string,
    versions: readonly { readonly version: number; readonly digest: string }[],
    options: OrderOptions = {},
  ): Promise<void> {
    const { signed, sequence } = await this.signedOrder(model, versions, options);
    await this.all((worker) => this.call(worker, EVENTS.order, { order: signed }));
    await this.inForce(model, sequence);
  }

  async signedOrder(
    model: string,
    versions: readonly { readonly version: number; readonly digest: string }[],
    { requestLimit = null, protocol = 'replicated', goOn = false, labels = {} }: OrderOptions = {},
  ): Promise<{ signed: SignedServingOrder; sequence: number }> {
    const statuses = await this.all((worker) => this.status(worker));
    const known = statuses.flatMap(({ orders }) => orders.filter((one) => one.model === model));
    const last = known
      .map(({ order }) => JSON.parse(order.text) as ServingOrder)
      .sort((left, right) => right.sequence - left.sequence)[0];
    const sequence = (last?.sequence ?? 0) + 1;
    const order: ServingOrder = {
      format: 1,
      clusterId: this.cluster.cluster.clusterId,
      model,
      sequence,
      since: goOn ? last!.since : sequence,
      requestLimit: goOn ? last!.requestLimit : requestLimit,
      versions: versions.map(({ version, digest }) => ({ version, digest, protocol })),
      current: versions.at(-1)?.version ?? null,
      labels,
    };
    return { signed: signServingOrder(order, await this.#secretKey()), sequence };
  }

  /** Waits until all three follow an order with this sequence or a higher one. */
  async inForce(model: string, sequence: number): Promise<void> {
    await until(async () => {
      const statuses = await this.all((worker) => this.status(worker));
      return statuses.every(({ orders }) =>
        orders.some(
          (one) => one.model === model && one.inForce && JSON.parse(one.order.text).sequence >= sequence,
        ),
      );
    }, `order ${sequence} for ${model} in force`);
  }

  /** The three messages of one prediction. */
  async messages(
    model: SharedTestModel,
    inputs: Float32Array,
    deadlineMs = 10_000,
    requestId = randomBytes(16).toString('hex'),
    protocol: ProtocolName | null = null,
    nextRequestId: string | null = null,
  ): Promise<{ requestId: string; count: number; parts: Triple<Buffer> }> {
    const count = inputs.length / INPUTS;
    const seeds = [randomSeed(), randomSeed()] as const;
    const explicit = await createCpuSharer(await createKernels()).share(inputs, 16, seeds);
    const parts = inputSharesFor(seeds, explicit, count).map(({ first, second }) =>
      Buffer.from(
        encodePredictRequest({
          requestId,
          manifestDigest: model.digest,
          deadlineMs,
          count,
          protocol,
          nextRequestId,
          first,
          second,
        }).toBytes(),
      ),
    ) as Triple<Buffer>;
    return { requestId, count, parts };
  }

  /** Predicts; gives the logits. @throws the first worker's error */
  async predict(model: SharedTestModel, inputs: Float32Array, deadlineMs?: number): Promise<number[]> {
    return (await this.predictUnder(null, model, inputs, deadlineMs)).logits;
  }

  /** As `predict`, with a protocol or, for null, the one that is served; tells which protocol each worker ran. */
  async predictUnder(
    protocol: ProtocolName | null,
    model: SharedTestModel,
    inputs: Float32Array,
    deadlineMs?: number,
    /** What each worker's share waits for. */
    before?: (worker: number) => Promise<void>,
    ids: { readonly id?: string; readonly next?: string } = {},
  ): Promise<{ logits: number[]; protocols: ProtocolName[] }> {
    const sent = await this.messages(model, inputs, deadlineMs, ids.id, protocol, ids.next);
    const { requestId, count, parts } = sent;
    const replies = await this.all(async (worker) => {
      await before?.(worker);
      return this.call<Uint8Array>(worker, EVENTS.predict, parts[worker]);
    });
    const expected = { requestId, manifestDigest: model.digest, count, outputSize: OUTPUTS, protocol };
    const decoded = replies.map((reply) => decodePredictReply(reply, expected));
    const words = decoded.map((reply) => reply.words) as Triple<Uint8Array>;
    const logits = [...reconstructOutputs(words, model.plan)];
    return { logits, protocols: decoded.map((reply) => reply.protocol) };
  }
}

type PrepareParameters = [
  name: string,
  version?: number,
  protocols?: readonly ProtocolName[],
  scale?: number,
];

/** The small model, split and signed by the owner. */
export async function prepareModel(
  secretKey: string,
  ...[name, version = 1, protocols = PROTOCOL_NAMES, scale = 1]: PrepareParameters
): Promise<SharedTestModel> {
  const compiled = compile(smallModel(scale), { inputRange: { min: -1, max: 1 } });
  const files = shareModel(compiled, await createKernels());
  const manifest: Manifest = {
    format: 1,
    name,
    version,
    createdAt: new Date().toISOString(),
    plan: structuredClone(compiled.plan) as Manifest['plan'],
    inputRange: { min: -1, max: 1 },
    preprocessing: null,
    labels: null,
    protocols: [...protocols],
    shareDigests: files.map((file) => sha256Hex(file)) as Triple<string>,
  };
  const signed = signManifest(manifest, secretKey);
  return { name, version, digest: manifestDigest(signed), plan: compiled.plan, files, signed };
}

export interface OrderOptions {
  readonly requestLimit?: number | null;
  readonly protocol?: ProtocolName;
  /** Limit and count of the last order go on. */
  readonly goOn?: boolean;
  readonly labels?: Record<string, number>;
}

export interface SharedTestModel {
  readonly name: string;
  readonly version: number;
  readonly digest: string;
  readonly plan: ReturnType<typeof compile>['plan'];
  readonly files: readonly Uint8Array[];
  readonly signed: ReturnType<typeof signManifest>;
}

export const INPUTS = 4;
export const OUTPUTS = 2;
/** Its weights. */
export const HIDDEN = [0.5, -1, 0.25, 1, 0.5, -0.5, -0.75, 0.25, 1, 1, -1, 0.5];
const OUT = [1, -1, 0.5, 0.5, -0.25, 2];

/** Dense(3, relu), Dense(2): small enough to check by hand. */
const smallModel = (scale: number): LayerGraph => ({
  name: 'small',
  input: 'in',
  inputShape: [INPUTS],
  nodes: [
    {
      name: 'hidden',
      inputs: ['in'],
      layer: {
        type: 'Dense',
        kernel: { shape: [INPUTS, 3], values: Float64Array.from(HIDDEN) },
        bias: { shape: [3], values: Float64Array.of(0.1, -0.2, 0.3) },
        activation: 'relu',
      },
    },
    {
      name: 'out',
      inputs: ['hidden'],
      layer: {
        type: 'Dense',
        kernel: { shape: [3, OUTPUTS], values: Float64Array.from(OUT, (value) => value * scale) },
        activation: 'linear',
      },
    },
  ],
  output: 'out',
});

/** What the model gives in plain arithmetic. */
export function expectedOutputs(inputs: Float32Array): number[] {
  const outputs: number[] = [];
  for (let at = 0; at < inputs.length; at += INPUTS) {
    const hidden = [0.1, -0.2, 0.3].map((bias, unit) => {
      let sum = bias;
      for (let i = 0; i < INPUTS; i++) sum += inputs[at + i]! * HIDDEN[i * 3 + unit]!;
      return Math.max(0, sum);
    });
    for (let out = 0; out < OUTPUTS; out++) {
      outputs.push(hidden.reduce((sum, value, unit) => sum + value * OUT[unit * OUTPUTS + out]!, 0));
    }
  }
  return outputs;
}

export const someInputs = (count: number) =>
  Float32Array.from({ length: count * INPUTS }, (_, i) => Math.sin(i + 1));

export function expectClose(actual: readonly number[], inputs: Float32Array, scale = 1): void {
  const expected = expectedOutputs(inputs).map((value) => value * scale);
  if (actual.length !== expected.length) throw new Error(`${actual.length} outputs, not ${expected.length}`);
  const error = Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
  if (!(error < 0.001)) throw new Error(`the outputs are off by ${error}`);
}
