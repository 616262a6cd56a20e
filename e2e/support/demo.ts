/** The whole of Trivet for one test file: three worker processes, the MNIST model shared and served, and the page. */
import { fileURLToPath } from 'node:url';
import { test as base } from '@playwright/test';
import { servePage } from '@trivet/cli';
import { ModelOwner } from '@trivet/client';
import type { LayerGraph } from '@trivet/mpc-core';
import {
  compileModelFile,
  findFreePorts,
  type LocalCluster,
  MNIST_CLASSES,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  startLocalCluster,
} from '@trivet/node';

const MODEL_FILE =
  process.env.TRIVET_E2E_MODEL ?? fileURLToPath(new URL('../../models/mnist/model.json', import.meta.url));

export const MODEL_NAME = 'mnist';

export interface Demo {
  readonly url: string;
  readonly cluster: LocalCluster;
  /** The model in the clear, for comparing. */
  readonly graph: LayerGraph;
  /** Of workers that ended without having been told to: who, how, and the last words. */
  readonly crashes: readonly string[];
}

async function startDemo(): Promise<Demo & { stop(): Promise<void> }> {
  const { graph, compiled } = await compileModelFile(MODEL_FILE, MNIST_INPUT_RANGE);
  const crashes: string[] = [];
  const cluster = await startLocalCluster({
    onCrash: ({ name, code, signal, lastWords }) =>
      crashes.push(`${name} ended (${signal ?? `exit code ${code}`}): ${lastWords}`),
  });
  const { workers, clusterId } = cluster.cluster;
  const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey: cluster.ownerSecretKey });
  await owner.share({
    name: MODEL_NAME,
    compiled,
    preprocessing: MNIST_PREPROCESSING,
    inputRange: MNIST_INPUT_RANGE,
    labels: [...MNIST_CLASSES],
  });
  await owner.startServing(MODEL_NAME);
  owner.close();
  const [port] = (await findFreePorts(1)) as [number];
  const page = await servePage(cluster.cluster, port);
  return {
    url: `http://localhost:${port}`,
    cluster,
    graph,
    crashes,
    stop: async () => {
      page.closeAllConnections();
      page.close();
      await cluster.stop();
    },
  };
}

/** Playwright's `test`, with the demo started once and `page` opened on it. */
export const test = base.extend<{ opens: string | null; openPage: undefined }, { demo: Demo }>({
  /** Path of the page that a test begins on; null where it opens one itself. */
  opens: ['/', { option: true }],
  demo: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
    async ({}, use) => {
      const { stop, ...demo } = await startDemo();
      await use(demo);
      await stop();
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  openPage: [
    async ({ page, demo, opens }, use) => {
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(error.message));
      if (opens !== null) await page.goto(demo.url + opens);
      await use(undefined);
      // A page that throws is broken, whatever it shows.
      if (problems.length > 0) throw new Error(`The page threw: ${problems.join('; ')}`);
      if (demo.crashes.length > 0) throw new Error(demo.crashes.join('\n'));
    },
    { auto: true },
  ],
});

export { expect } from '@playwright/test';
