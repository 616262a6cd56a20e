/**
 * A worker that says what a test tells it to: for what real workers never do. Real sockets, the real wire format.
 */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { checkWord, compile, type LayerGraph, writeWords } from '@trivet/mpc-core';
import {
  acceptChannel,
  decodePredictRequest,
  type ErrorCode,
  EVENTS,
  encodePredictReply,
  generateOwnerKeys,
  generateSealingKeys,
  joinedParser,
  type Manifest,
  manifestDigest,
  type PredictRequest,
  type RoomQuery,
  type SignedManifest,
  sealingWorker,
  signManifest,
  TrivetError,
  WIRE_VERSION,
  type WorkerChannel,
  type WorkerStatus,
} from '@trivet/shared-types';
import { Server } from 'socket.io';

export const CLUSTER_ID = 'c1'.repeat(16);
export const NAMES = ['alice', 'bob', 'carol'] as const;
export const OWNER = generateOwnerKeys();
export const INPUT_SIZE = 2;
export const OUTPUT_SIZE = 3;

const GRAPH: LayerGraph = {
  name: 'tiny',
  input: 'input',
  inputShape: [INPUT_SIZE],
  output: 'dense',
  nodes: [
    {
      name: 'dense',
      inputs: ['input'],
      layer: {
        type: 'Dense',
        kernel: { shape: [INPUT_SIZE, OUTPUT_SIZE], values: Float64Array.of(1, 2, 3, 4, 5, 6) },
        activation: 'softmax',
      },
    },
  ],
};

export const COMPILED = compile(GRAPH, { inputRange: { min: -1, max: 1 } });

export function signTiny(change: Partial<Manifest> = {}, secretKey = OWNER.secretKey): SignedManifest {
  const manifest: Manifest = {
    format: 1,
    name: 'tiny',
    version: 1,
    createdAt: '2024-01-01T00:00:00.000Z',
    plan: structuredClone(COMPILED.plan) as Manifest['plan'],
    inputRange: { min: -1, max: 1 },
    preprocessing: null,
    labels: ['a', 'b', 'c'],
    protocols: ['replicated'],
    shareDigests: ['0a'.repeat(32), '0b'.repeat(32), '0c'.repeat(32)],
    ...change,
  };
  return signManifest(manifest, secretKey);
}

export const SIGNED = signTiny();

type Acknowledge = (outcome: unknown) => void;
export type PredictScript = (request: PredictRequest, acknowledge: Acknowledge) => void;

export function refuse(code: ErrorCode, message: string, worker: string | null = null) {
  return { ok: false, error: new TrivetError(code, message, worker).toBody() };
}

/** A reply whose words are those of the given logits for worker 0, and 0 for the others. */
export function replyOf(request: PredictRequest, logits: readonly number[]): Uint8Array {
  const { outputBits, outputFractionalBits } = COMPILED.plan;
  const shift = BigInt(64 - outputBits);
  const words: bigint[] = [];
  for (let at = 0; at < logits.length; at += OUTPUT_SIZE) {
    const row = logits
      .slice(at, at + OUTPUT_SIZE)
      .map((logit) => BigInt.asUintN(64, BigInt(logit * 2 ** outputFractionalBits) << shift));
    words.push(...row, checkWord(row));
  }
  return encodePredictReply({
    requestId: request.requestId,
    manifestDigest: request.manifestDigest,
    count: request.count,
    outputSize: OUTPUT_SIZE,
    protocol: request.protocol ?? 'replicated',
    statistics: {
      rounds: 5,
      bytesSent: 100,
      bytesReceived: 200,
      bytesDealt: 10,
      computeMicros: 1500,
      queueMicros: 250,
      batchSize: request.count,
      steps: [{ rounds: 5, bytesSent: 100, bytesReceived: 200, micros: 1500 }],
    },
    words: writeWords(words),
  });
}

export class ScriptedWorker {
  readonly index: 0 | 1 | 2;
  readonly name: string;
  readonly requests: { request: PredictRequest; bytes: Uint8Array }[] = [];
  readonly cancelled: string[] = [];
  /** The questions whether there is room. */
  readonly asked: RoomQuery[] = [];
  /** What they are answered. */
  room: unknown = { ok: true, value: {} };
  status: WorkerStatus;
  /** What `watch` and `describe` answer, when not the status. */
  description: unknown;
  onPredict: PredictScript;
  /** Its own; a test may give it the key of another. */
  sealing = generateSealingKeys();
  readonly sealingKey = this.sealing.publicKey;
  readonly #channels = new Set<WorkerChannel>();
  #http: HttpServer;
  #io: Server;
  port = 0;

  constructor(index: 0 | 1 | 2) {
    this.index = index;
    this.name = NAMES[index];
    this.status = {
      wireVersion: WIRE_VERSION,
      worker: { index, name: this.name },
      clusterId: CLUSTER_ID,
      ready: true,
      viewer: 'nobody',
      models: [
        {
          manifest: SIGNED,
          digest: manifestDigest(SIGNED),
          state: 'AVAILABLE',
          current: true,
          labels: [],
          served: 0,
          requestLimit: null,
          protocol: 'replicated',
          access: 'open',
        },
      ],
      orders: [],
      operation: {
        version: '0.1.0',
        uptimeSeconds: 1,
        peers: NAMES.filter((name) => name !== this.name).map((name) => ({
          name,
          connected: true,
          roundTripMs: 0.1,
        })),
        queueLength: 0,
        servedTotal: 0,
        bytesSentTotal: 0,
        memoryBytes: 1,
      },
    };
    this.onPredict = (request, acknowledge) => {
      const values = Array.from({ length: request.count * OUTPUT_SIZE }, (_, at) =>
        index === 0 ? at % OUTPUT_SIZE : 0,
      );
      acknowledge({ ok: true, value: replyOf(request, values) });
    };
    this.#http = createServer();
    this.#io = new Server();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(port = 0): Promise<void> {
    this.#http = createServer();
    this.#io = new Server(this.#http, { transports: ['websocket'], parser: joinedParser });
    const worker = await sealingWorker(this.index, this.name, this.sealing.secretKey);
    this.#io.on('connection', (socket) => {
      const channel = acceptChannel(socket, {
        worker,
        event: (name, payload, acknowledge) => this.#event(name, payload, acknowledge as Acknowledge),
        broken: () => {},
      });
      this.#channels.add(channel);
      socket.on('disconnect', () => this.#channels.delete(channel));
    });
    await new Promise<void>((resolve) => this.#http.listen(port, '127.0.0.1', resolve));
    this.port = (this.#http.address() as AddressInfo).port;
  }

  push(): void {
    for (const channel of this.#channels) channel.push(EVENTS.server.status, this.status);
  }

  #event(name: string, payload: unknown, acknowledge: Acknowledge): void {
    if (name === EVENTS.watch || name === EVENTS.describe) {
      acknowledge({ ok: true, value: this.description ?? this.status });
    } else if (name === EVENTS.cancel) {
      this.cancelled.push((payload as { requestId: string }).requestId);
      acknowledge({ ok: true, value: {} });
    } else if (name === EVENTS.room) {
      this.asked.push(payload as RoomQuery);
      acknowledge(this.room);
    } else if (name === EVENTS.predict) {
      const bytes = payload as Uint8Array;
      const request = decodePredictRequest(bytes, { maxCount: 1000, inputSizeOf: () => INPUT_SIZE });
      this.requests.push({ request, bytes });
      this.onPredict(request, acknowledge);
    }
  }

  /** Drops every connection, as a crash would. */
  async stop(): Promise<void> {
    for (const socket of await this.#io.fetchSockets()) socket.disconnect(true);
    await this.#io.close();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}

export type Three = [ScriptedWorker, ScriptedWorker, ScriptedWorker];

export async function startThree(): Promise<Three> {
  const workers: Three = [new ScriptedWorker(0), new ScriptedWorker(1), new ScriptedWorker(2)];
  await Promise.all(workers.map((worker) => worker.start()));
  return workers;
}

export function addresses(workers: Three) {
  const address = ({ name, url, sealingKey }: ScriptedWorker) => ({ name, url, sealingKey });
  return [address(workers[0]), address(workers[1]), address(workers[2])] as const;
}
