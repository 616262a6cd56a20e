/** Three worker processes, a capturing proxy in front of each, and a client that asks through them about 3s and 8s. */
import { join } from 'node:path';
import { ModelOwner, PredictionClient } from '@trivet/client';
import { loadMnist } from '@trivet/mnist';
import {
  compileModelFile,
  findFreePorts,
  MNIST_INPUT_RANGE,
  MNIST_PREPROCESSING,
  readOwnerKey,
  toModelInputs,
} from '@trivet/node';
import { createCluster } from '@trivet/workers';
import { waitUntilReady } from '../../../../packages/node/src/local-cluster/ready.js';
import {
  type WorkerExit,
  WorkerProcess,
} from '../../../../packages/node/src/local-cluster/worker-process.js';
import { temporaryDirectory, writeNearestMeanModel } from '../support.js';
import { CapturingProxy, type Seen } from './capturing-proxy.js';

export interface CapturedDigits {
  /** By worker: all that its proxy saw while the client asked. */
  readonly captured: readonly (readonly Seen[])[];
  /** 3 or 8, in the order in which they were asked. */
  readonly labels: readonly number[];
  /** How many of them the three workers, together, got right. */
  readonly classified: number;
  /** Process ids of the workers. */
  readonly pids: readonly number[];
}

const NAMES = ['alice', 'bob', 'carol'] as const;

/**
 * Asks about `count` digits, one after the other, half of them 3s.
 * @param nodeArguments of the workers' processes
 */
export async function captureDigits(
  count: number,
  nodeArguments: readonly string[] = [],
): Promise<CapturedDigits> {
  const directory = await temporaryDirectory();
  const workers: WorkerProcess[] = [];
  const proxies: CapturingProxy[] = [];
  const crashListeners = new Set<(exit: WorkerExit) => void>();
  let client: PredictionClient | undefined;
  try {
    const folder = join(directory.path, 'cluster');
    const ports = await findFreePorts(9);
    const worker = (index: 0 | 1 | 2) => ({
      name: NAMES[index],
      host: 'localhost',
      clientPort: ports[index]!,
      meshPort: ports[index + 3]!,
      url: `http://127.0.0.1:${ports[index + 6]}`,
    });
    const { cluster, configFiles } = await createCluster(folder, {
      workers: [worker(0), worker(1), worker(2)],
    });
    for (const [index, file] of configFiles.entries()) {
      proxies.push(await CapturingProxy.start(ports[index]!, ports[index + 6]!));
      const process = new WorkerProcess(NAMES[index]!, file, join(directory.path, `${index}.log`), (exit) => {
        for (const listener of crashListeners) listener(exit);
      });
      workers.push(process);
      process.start(nodeArguments);
    }
    await waitUntilReady(cluster, { timeoutMs: 90_000, crashListeners });
    const { workers: addresses, clusterId, ownerKey } = cluster;
    const mnist = await loadMnist('test');
    const { compiled } = await compileModelFile(
      await writeNearestMeanModel(directory.path, mnist),
      MNIST_INPUT_RANGE,
    );
    const owner = await ModelOwner.connect({
      workers: addresses,
      clusterId,
      ownerSecretKey: await readOwnerKey(folder),
      timeoutMs: 60_000,
    });
    try {
      await owner.share({
        name: 'digits',
        compiled,
        preprocessing: MNIST_PREPROCESSING,
        inputRange: MNIST_INPUT_RANGE,
        labels: null,
      });
      await owner.startServing('digits');
    } finally {
      owner.close();
    }
    client = await PredictionClient.connect({ workers: addresses, clusterId, ownerKey, timeoutMs: 60_000 });
    for (const { seen } of proxies) seen.length = 0;
    // Threes and eights as they come in the test set, so that nothing goes with the order.
    const indices = [...mnist.labels.keys()]
      .filter((at) => [3, 8].includes(mnist.labels[at]!))
      .slice(0, count);
    let classified = 0;
    for (const index of indices) {
      const { classes } = await client.predict('digits', toModelInputs(mnist, [index], 255));
      if (classes[0] === mnist.labels[index]) classified += 1;
    }
    return {
      captured: proxies.map(({ seen }) => [...seen]),
      labels: indices.map((index) => mnist.labels[index]!),
      classified,
      pids: workers.map(({ pid }) => pid!),
    };
  } finally {
    client?.close();
    for (const proxy of proxies) await proxy.close();
    await Promise.all(workers.map((worker) => worker.stop()));
    await directory.remove();
  }
}
