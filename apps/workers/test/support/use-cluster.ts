/** What the tests of a file have in common: three workers, their owner, and clients that are closed after each test. */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { startCluster, TestClient, type TestCluster } from './cluster.js';

export interface UsedCluster {
  /** A client that is connected to all three; `ready()` waits until they are connected to each other. */
  connect(headers?: Record<string, string>): Promise<TestClient>;
  /** The owner anew: a worker that was restarted does not know whom it has spoken to. */
  asOwner(): Promise<TestClient>;
}

/**
 * Starts three workers before a file's tests, and stops them afterwards.
 * @param ready is given them and their owner, before the first test
 */
export function useCluster(
  ready: (cluster: TestCluster, owner: TestClient) => Promise<void> | void,
  ...options: Parameters<typeof startCluster>
): UsedCluster {
  let cluster: TestCluster | undefined;
  let owner: TestClient | undefined;
  const clients: TestClient[] = [];

  function started(): TestCluster {
    if (cluster === undefined) throw new Error('The workers have not been started.');
    return cluster;
  }

  async function asOwner(): Promise<TestClient> {
    owner?.close();
    owner = new TestClient(started());
    return (await owner.ready()).authenticate();
  }

  beforeAll(async () => {
    cluster = await startCluster(...options);
    await ready(cluster, await asOwner());
  }, 180_000);
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(async () => {
    owner?.close();
    await cluster?.stop();
  });

  return {
    async connect(headers) {
      const client = new TestClient(started(), headers);
      clients.push(client);
      return client.connected();
    },
    asOwner,
  };
}
