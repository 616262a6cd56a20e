/** Three workers, a capturing proxy in front of each, and a client that asks through them about 3s and 8s. */
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
import {
  createCluster,
  createLogger,
  loadWorkerConfig,
  type RunningWorker,
  startWorker,
} from '@trivet/workers';
import { temporaryDirectory, writeNearestMeanModel } from '../support.js';
import { CapturingProxy, type Seen } from './capturing-proxy.js';

export interface CapturedDigits {
  /** By worker. */
  readonly captured: readonly (readonly Seen[])[];
  /** 3 or 8, in the order in which they were asked. */
  readonly labels: readonly number[];
  /** How many of them the three workers, together, got right. */
  readonly classified: number;
}

/** Asks about `count` digits, one after the other, half of them 3s. */
export async function captureDigits(count: number): Promise<CapturedDigits> {
  const directory = await temporaryDirectory();
  const workers: RunningWorker[] = [];
  const proxies: CapturingProxy[] = [];
  let client: PredictionClient | undefined;
  try {
    const ports = await findFreePorts(9);
    const worker = (index: 0 | 1 | 2) => ({
      name: (['alice', 'bob', 'carol'] as const)[index],
      host: 'localhost',
      clientPort: ports[index]!,
      meshPort: ports[index + 3]!,
      url: `http://127.0.0.1:${ports[index + 6]}`,
    });
    const created = await createCluster(`${directory.path}/cluster`, {
      workers: [worker(0), worker(1), worker(2)],
    });
    for (const [index, file] of created.configFiles.entries()) {
      proxies.push(await CapturingProxy.start(ports[index]!, ports[index + 6]!));
      const config = await loadWorkerConfig(file);
      workers.push(await startWorker(config, { log: createLogger(config.name, 'silent') }));
    }
    const { workers: addresses, clusterId, ownerKey } = created.cluster;
    const mnist = await loadMnist('test');
    const { compiled } = await compileModelFile(
      await writeNearestMeanModel(directory.path, mnist),
      MNIST_INPUT_RANGE,
    );
    const ownerSecretKey = await readOwnerKey(`${directory.path}/cluster`);
    const owner = await ModelOwner.connect({
      workers: addresses,
      clusterId,
      ownerSecretKey,
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
    };
  } finally {
    client?.close();
    for (const proxy of proxies) await proxy.close();
    await Promise.all(workers.map((worker) => worker.close()));
    await directory.remove();
  }
}
