/**
 * The whole demo, behind `npm start`: three workers on localhost, the project's own MNIST model shared among them
 * and served, and the page. Ctrl-C ends everything.
 */
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ModelOwner } from '@trivet/client';
import type { WorkerExit } from '@trivet/node';
import {
  compileModelFile,
  type LocalCluster,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
} from '@trivet/node';
import { type AccessMode, canonicalJson, TrivetError } from '@trivet/shared-types';
import { accessSentence } from '../commands/access.js';
import { interruptible } from '../interrupt.js';
import { servePage } from './page-server.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const MODEL_FILE = join(ROOT, 'models/mnist/model.json');
const MODEL_NAME = 'mnist';
const WORKER_PORTS = [4000, 4001, 4002] as const;
const PAGE_PORT = 8080;
/** A worker that ends by itself comes back after this, so that its absence can be seen on the page. */
const RESTART_MS = 5_000;

/** @throws TrivetError UNAVAILABLE naming the port, when somebody listens on it */
async function requireFree(port: number, what: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () => {
      const hint = 'stop the program that has it (another `npm start`?) and try again';
      reject(new TrivetError('UNAVAILABLE', `Port ${port}, for ${what}, is in use: ${hint}.`));
    });
    probe.listen(port, 'localhost', () => probe.close(() => resolve()));
  });
}

/**
 * Shares the model unless the cluster has it from an earlier start, and serves it without a limit.
 * @returns who may ask: this machine alone, unless the owner has said otherwise
 */
async function shareModel(cluster: LocalCluster, signal: AbortSignal): Promise<AccessMode> {
  const { workers, clusterId } = cluster.cluster;
  const { ownerSecretKey } = cluster;
  const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey, signal });
  try {
    const { compiled } = await compileModelFile(MODEL_FILE, MNIST_INPUT_RANGE);
    const known = (await owner.models({ signal })).filter((model) => model.name === MODEL_NAME);
    const plan = canonicalJson(compiled.plan);
    if (!known.some((model) => canonicalJson(model.manifest.plan) === plan)) {
      console.log('Sharing the MNIST model: each worker gets its own random-looking share of the weights …');
      await owner.share(
        {
          name: MODEL_NAME,
          compiled,
          preprocessing: MNIST_PREPROCESSING,
          inputRange: MNIST_INPUT_RANGE,
          labels: [...MNIST_CLASSES],
        },
        { signal },
      );
    }
    await owner.startServing(MODEL_NAME, { signal });
    return (await owner.access.modes({ signal }))[MODEL_NAME] ?? 'tokens';
  } finally {
    owner.close();
  }
}

function restartAfterCrash(
  cluster: () => LocalCluster | undefined,
  signal: AbortSignal,
): (exit: WorkerExit) => void {
  return ({ name, lastWords }) => {
    // Ctrl-C reaches the workers too.
    if (signal.aborted) return;
    console.error(
      `Worker ${name} has ended; it is started again in ${RESTART_MS / 1000} seconds. ${lastWords}`,
    );
    setTimeout(() => {
      if (!signal.aborted)
        cluster()
          ?.workers.find((worker) => worker.name === name)
          ?.start();
    }, RESTART_MS);
  };
}

async function demo(pagePort: number, directory: string, signal: AbortSignal): Promise<void> {
  await access(MODEL_FILE).catch(() => {
    throw new TrivetError(
      'FAILED_PRECONDITION',
      `The demo model ${MODEL_FILE} is missing: run \`pnpm train\`.`,
    );
  });
  await requireFree(pagePort, 'the page');
  for (const port of WORKER_PORTS) await requireFree(port, 'a worker');
  let running: LocalCluster | undefined;
  const onCrash = restartAfterCrash(() => running, signal);
  console.log('Starting three workers: alice, bob and carol …');
  const cluster = await startLocalCluster({
    directory,
    ports: WORKER_PORTS,
    onCrash,
    signal,
    evaluatorsApart: true,
  });
  running = cluster;
  try {
    const access = await shareModel(cluster, signal);
    const page = await servePage(cluster.cluster, pagePort);
    for (const { name, url } of cluster.cluster.workers) console.log(`  ${name.padEnd(6)} ${url}`);
    console.log(
      `\nDraw a digit:  http://localhost:${pagePort}\n\nOn one machine, for trying out only: nobody is kept`,
    );
    console.log(`apart from anybody here. ${accessSentence(MODEL_NAME, access)}`);
    console.log('Ctrl-C stops everything.');
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    console.log('\nStopping …');
    page.close();
    page.closeAllConnections();
  } finally {
    await cluster.stop();
  }
}

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: String(PAGE_PORT) },
    directory: { type: 'string', default: join(ROOT, '.trivet') },
  },
});

try {
  await interruptible((signal) => demo(Number(values.port), values.directory, signal));
} catch (error) {
  if (!(error instanceof TrivetError)) throw error;
  if (error.code !== 'CANCELLED') {
    console.error(error.message);
    process.exitCode = 1;
  }
}
