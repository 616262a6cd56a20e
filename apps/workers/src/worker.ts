/** One worker: puts its parts together, starts them in order, and stops them in the other. */
import { readSecretFile } from '@trivet/at-rest';
import { createParty, type Party, type PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { Access } from './access/access.js';
import { FailedAttempts } from './access/failed-attempts.js';
import { readCertificate } from './clients/certificate-files.js';
import { ClientEndpoint } from './clients/endpoint.js';
import { createStatus } from './clients/status.js';
import { checkCertificate } from './config/certificate.js';
import { readSealingKeys, readStoreKeys, readText } from './config/load.js';
import type { WorkerConfig } from './config/schema.js';
import { kernelThreads, startKernels } from './kernels/kernels.js';
import type { Link } from './mesh/link.js';
import { Mesh, type MeshPeer } from './mesh/mesh.js';
import { createHttpListener } from './observe/http.js';
import { createLogger, type Logger } from './observe/logger.js';
import { createMetrics } from './observe/metrics.js';
import { OperatorEndpoint } from './observe/operator-endpoint.js';
import { Models } from './serving/models.js';
import { createProtocols } from './serving/protocols.js';
import { Serving } from './serving/serving.js';
import { ModelStore } from './store/model-store.js';
import { StoreKeys } from './store/store-keys.js';
import { VERSION } from './version.js';

const DRAIN_MS = 5000;
const CERTIFICATE_WARNING_DAYS = 30;

export interface WorkerOptions {
  /** The engine; the real one unless told. */
  readonly party?: Party;
  /** Standard output unless told. */
  readonly log?: Logger;
  /** Whether /metrics tells of the process too; once a process. */
  readonly processMetrics?: boolean;
}

export interface RunningWorker {
  readonly config: WorkerConfig;
  readonly log: Logger;
  /** Reads the store's keys anew and seals its files with the first of them, and the clients' certificate; what fails is logged. */
  reloadKeys(): Promise<void>;
  /** Answers what is open, for up to five seconds, then closes every socket. */
  close(): Promise<void>;
}

/**
 * Starts a worker. It listens when this resolves; its peers connect when they can.
 * @param config with absolute paths, as `loadWorkerConfig` gives it
 * @throws TrivetError INVALID_ARGUMENT or FAILED_PRECONDITION when a file or setting is not usable, UNAVAILABLE when a
 *   port is not free
 */
export async function startWorker(config: WorkerConfig, options: WorkerOptions = {}): Promise<RunningWorker> {
  const log = options.log ?? createLogger(config.name, config.log.level);
  const meshKey = await readSecretFile(config.mesh.key);
  const [certificate, ca] = await Promise.all([readText(config.mesh.certificate), readText(config.mesh.ca)]);
  const expiresInDays = checkCertificate(certificate, config);
  if (expiresInDays < CERTIFICATE_WARNING_DAYS) {
    log.warn({ days: Math.floor(expiresInDays) }, 'the mesh certificate expires soon');
  }
  const sealing = await readSealingKeys(config);
  const { tls } = config.client;
  const clientTls = tls && (await readCertificate(tls));
  const store = new ModelStore(config.store.directory, await readStoreKeys(config.store.key));
  const storeKeys = new StoreKeys(config.store.key, store, log);
  const startedAt = performance.now();
  const running = await startKernels(kernelThreads(config), (error) => {
    log.warn(
      { reason: error.message },
      'a kernel thread could not be had, or has ended; the worker goes on without it',
    );
  });
  const party = options.party ?? createParty(config.index as PartyIndex, running.kernels);

  const closedBytes = { sent: 0, received: 0 };
  const links = { link: (index: PartyIndex): Link | undefined => mesh.link(index) };
  const meshBytes = () => {
    const live = config.mesh.peers.map(({ index }) => links.link(index as PartyIndex));
    const sum = (field: 'bytesSent' | 'bytesReceived') =>
      live.reduce((total, link) => total + (link?.[field] ?? 0), 0);
    return {
      sent: closedBytes.sent + sum('bytesSent'),
      received: closedBytes.received + sum('bytesReceived'),
    };
  };
  const peerStates = () =>
    config.mesh.peers.map(({ index, name }) => {
      const link = links.link(index as PartyIndex);
      return { name, connected: link !== undefined, roundTripMs: link?.roundTripMs ?? null };
    });
  const metrics = createMetrics(
    config.name,
    {
      queuedBatches: () => serving.queuedBatches,
      runningBatches: () => serving.runningBatches,
      openRequests: () => serving.table.size,
      clientConnections: () => endpoint.connections,
      peers: peerStates,
      meshBytes,
      meshBuffers: () => mesh.buffersMade,
      kernelBytes: () => party.memoryBytes,
      kernelThreads: () => running.threads,
      kernelPiecesHelped: () => running.helped(),
      tokens: () => access.activeTokens,
      pool: () => serving.pool,
      models: () => {
        const served = models.names().filter((name) => models.records(name).serving);
        return { shared: models.all().length, serving: served.length };
      },
    },
    options.processMetrics ?? false,
  );
  const changed = () => {
    serving.modelsChanged();
    serving.tellPeers();
    endpoint.changed();
  };
  const models = new Models({
    worker: config.name,
    ownerKey: config.ownerKey,
    clusterId: config.clusterId,
    party,
    store,
    maxModels: config.limits.maxModels,
    log,
    onChange: changed,
    onStoreFailure: () => metrics.storeFailures.inc(),
  });
  const access = new Access({
    ownerKey: config.ownerKey,
    clusterId: config.clusterId,
    self: { index: config.index, name: config.name },
    peers: config.mesh.peers as readonly MeshPeer[],
    links,
    store,
    log,
    metrics,
    onChange: () => endpoint.changed(),
  });
  const serving: Serving = new Serving({
    config,
    access,
    party,
    protocols: createProtocols(),
    models,
    links,
    metrics,
    log,
    onChange: () => endpoint.changed(),
    onServed: (model) => endpoint.served(model),
  });
  const mesh = new Mesh({
    clusterId: config.clusterId,
    self: { index: config.index, name: config.name },
    host: config.mesh.host,
    port: config.mesh.port,
    peers: config.mesh.peers as readonly MeshPeer[],
    certificate,
    key: meshKey,
    ca,
    heartbeatMs: config.mesh.heartbeatMs,
    peerTimeoutMs: config.mesh.peerTimeoutMs,
    maxFrameBytes: config.mesh.maxFrameBytes,
    handler: {
      linkUp: (link) => serving.linkUp(link),
      linkDown: (link, error) => {
        closedBytes.sent += link.bytesSent;
        closedBytes.received += link.bytesReceived;
        serving.linkDown(link, error);
      },
      frame: (link, kind, session, step, payload) => serving.frame(link, kind, session, step, payload),
      refused: (reason) => serving.refused(reason),
    },
  });
  const operation = () => ({
    version: VERSION,
    uptimeSeconds: (performance.now() - startedAt) / 1000,
    peers: peerStates(),
    queueLength: serving.queueLength,
    servedTotal: serving.totals.images,
    bytesSentTotal: meshBytes().sent,
    memoryBytes: process.memoryUsage.rss(),
  });
  const observable = {
    register: metrics.register,
    missing: () =>
      serving.ready ? [] : [serving.peers.obstacle()?.message ?? `${config.name} is stopping.`],
  };
  const operator =
    config.operator && new OperatorEndpoint(config.operator, createHttpListener(observable, 'everybody'));
  const endpoint: ClientEndpoint = new ClientEndpoint({
    config,
    serving,
    models,
    access,
    attempts: new FailedAttempts(config.name),
    metrics,
    log,
    status: createStatus({ config, access, models, serving, operation }),
    sealing,
    tls: clientTls,
    http: createHttpListener(observable, operator === null ? 'this machine' : 'nobody'),
  });

  let closing: Promise<void> | undefined;
  const close = async () => {
    log.info('stopping');
    const drained = serving.close(DRAIN_MS);
    endpoint.changed();
    await drained;
    await endpoint.close();
    await operator?.close();
    await mesh.close();
    await storeKeys.close();
    await access.close();
    await models.close();
    await running.close();
    log.info('stopped');
  };

  try {
    // Before the peers connect, so that they hear at once what this worker holds.
    await store.prepare();
    await access.restore();
    await models.restore();
    await serving.lifecycle.restore();
    await listen(() => mesh.start(), config.name, 'mesh', config.mesh.host, config.mesh.port);
    // This worker is the store's only user: another one would not have got the port.
    await store.clean();
    storeKeys.start();
    if (operator !== null) {
      const { host, port } = config.operator!;
      await listen(() => operator.start(), config.name, 'operator', host, port);
    }
    await listen(() => endpoint.start(), config.name, 'client', config.client.host, config.client.port);
  } catch (error) {
    await serving.close(0);
    await operator?.close();
    await endpoint.close();
    await mesh.close();
    await storeKeys.close();
    await running.close();
    throw error;
  }
  log.info(
    {
      version: VERSION,
      index: config.index,
      clientPort: config.client.port,
      meshPort: config.mesh.port,
      models: models.all().length,
    },
    'ready',
  );
  return {
    config,
    log,
    reloadKeys: async () => {
      await Promise.all([storeKeys.reload(), endpoint.reloadCertificate()]);
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function listen(
  start: () => Promise<void>,
  worker: string,
  what: string,
  host: string,
  port: number,
): Promise<void> {
  try {
    await start();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const address = `${host}:${port}`;
    const advice =
      code === 'EADDRINUSE'
        ? `is in use by another program: stop that one, or choose another "${what}.port"`
        : `cannot be listened on (${code ?? 'unknown error'})`;
    throw new TrivetError(
      'UNAVAILABLE',
      `${worker} cannot start: the ${what} address ${address} ${advice}.`,
      worker,
      { cause: error },
    );
  }
}
