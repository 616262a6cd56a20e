/** Prometheus metrics of one worker. Units stand in the names. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** Values that are read when somebody asks. */
export interface Observed {
  queuedBatches(): number;
  runningBatches(): number;
  openRequests(): number;
  clientConnections(): number;
  peers(): readonly { name: string; connected: boolean; roundTripMs: number | null }[];
  meshBytes(): { sent: number; received: number };
  /** Buffers of the mesh that were made since this process began. */
  meshBuffers(): number;
  /** Memory of the kernels, in bytes. */
  kernelBytes(): number;
  /** Threads that the kernels run on. */
  kernelThreads(): number;
  /** Pieces of long kernel calls that other threads than the worker's own took. */
  kernelPiecesHelped(): number;
  models(): { shared: number; serving: number };
  /** What was dealt ahead and waits for its request, and since this process began. */
  tokens(): number;
  pool(): { size: number; bytes: number; dealt: number; used: number; dropped: number };
}

export type Metrics = ReturnType<typeof createMetrics>;

/** @param processMetrics whether to add those of the process (memory, event loop); once a process */
export function createMetrics(worker: string, observed: Observed, processMetrics: boolean) {
  const register = new Registry();
  register.setDefaultLabels({ worker });
  if (processMetrics) collectDefaultMetrics({ register });
  const registers = [register];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('trivet_batches_queued', 'Batches that wait to run (leader only).', () => observed.queuedBatches());
  gauge('trivet_batches_running', 'Batches that run.', () => observed.runningBatches());
  gauge('trivet_requests_open', 'Requests held in memory.', () => observed.openRequests());
  gauge('trivet_client_connections', 'Connected clients.', () => observed.clientConnections());
  gauge('trivet_models_shared', 'Models held by this worker.', () => observed.models().shared);
  gauge('trivet_models_serving', 'Models being served.', () => observed.models().serving);
  gauge('trivet_tokens_active', 'Client tokens that are neither revoked nor expired.', () =>
    observed.tokens(),
  );
  gauge('trivet_pool_items', 'Items of material dealt ahead, one an image.', () => observed.pool().size);
  gauge('trivet_pool_bytes', 'Memory that they take.', () => observed.pool().bytes);
  total('trivet_pool_dealt_total', 'Items dealt ahead.', () => observed.pool().dealt);
  total('trivet_pool_used_total', 'Items used, each by one request.', () => observed.pool().used);
  total('trivet_pool_dropped_total', 'Items dropped unused.', () => observed.pool().dropped);
  perPeer('trivet_peer_connected', 'Whether the link to the peer is up.', (peer) => Number(peer.connected));
  perPeer('trivet_peer_round_trip_seconds', 'Round-trip time of the last heartbeat.', (peer) =>
    peer.roundTripMs === null ? null : peer.roundTripMs / 1000,
  );
  total('trivet_mesh_sent_bytes_total', 'Bytes sent to peers.', () => observed.meshBytes().sent);
  total(
    'trivet_mesh_received_bytes_total',
    'Bytes received from peers.',
    () => observed.meshBytes().received,
  );
  total('trivet_mesh_buffers_total', 'Buffers of frames made; they are used again.', () =>
    observed.meshBuffers(),
  );
  gauge('trivet_kernel_memory_bytes', 'Memory of the kernels: weights, and what runs.', () =>
    observed.kernelBytes(),
  );
  gauge('trivet_kernel_threads', 'Threads that the kernels run on.', () => observed.kernelThreads());
  total('trivet_kernel_thread_pieces_total', 'Pieces of long kernel calls that other threads took.', () =>
    observed.kernelPiecesHelped(),
  );

  function total(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  function perPeer(
    name: string,
    help: string,
    read: (peer: ReturnType<Observed['peers']>[number]) => number | null,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers,
      collect() {
        this.reset();
        for (const peer of observed.peers()) {
          const value = read(peer);
          if (value !== null) this.set({ peer: peer.name }, value);
        }
      },
    });
  }

  return {
    register,
    requests: new Counter({
      name: 'trivet_requests_total',
      help: 'Prediction requests answered, by outcome.',
      labelNames: ['code'],
      registers,
    }),
    images: new Counter({ name: 'trivet_images_total', help: 'Images predicted.', registers }),
    batchImages: new Histogram({
      name: 'trivet_batch_size_images',
      help: 'Images in a batch.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
      registers,
    }),
    batchSeconds: new Histogram({
      name: 'trivet_batch_duration_seconds',
      help: 'Time from the start of a batch to its reply shares.',
      buckets: SECONDS,
      registers,
    }),
    queueSeconds: new Histogram({
      name: 'trivet_request_queue_seconds',
      help: 'Time from the arrival of a request to the start of its batch.',
      buckets: SECONDS,
      registers,
    }),
    rounds: new Counter({
      name: 'trivet_protocol_rounds_total',
      help: 'Rounds of the protocol.',
      registers,
    }),
    batchFailures: new Counter({
      name: 'trivet_batch_failures_total',
      help: 'Batches given up, by reason.',
      labelNames: ['code'],
      registers,
    }),
    accessRefused: new Counter({
      name: 'trivet_access_refused_total',
      help: 'Predictions and tokens refused: no token, one for another model, revoked, expired, quota, rate.',
      labelNames: ['reason'],
      registers,
    }),
    authenticationFailures: new Counter({
      name: 'trivet_authentication_failures_total',
      help: 'Failed proofs of identity.',
      labelNames: ['identity'],
      registers,
    }),
    closedConnections: new Counter({
      name: 'trivet_connections_closed_total',
      help: 'Clients cut off: not sealed in time, memory, or not the protocol.',
      labelNames: ['reason'],
      registers,
    }),
    storeFailures: new Counter({
      name: 'trivet_store_failures_total',
      help: 'Files of the store that could not be used.',
      registers,
    }),
    refusedPeers: new Counter({
      name: 'trivet_mesh_refused_connections_total',
      help: 'Mesh connections refused: wrong certificate, or none.',
      registers,
    }),
  };
}
