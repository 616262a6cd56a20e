/** Where the workers are: the public cluster file beside the page, or the addresses of a cluster on this computer. */
import type { WorkerAddress } from '@trivet/client';
import { clusterSchema } from '@trivet/shared-types';
import type { ConnectOptions } from '../compute/worker/messages.js';

export type ClusterAddress = Pick<ConnectOptions, 'workers' | 'clusterId' | 'ownerKey'>;

const local = (name: string, port: number): WorkerAddress => ({ name, url: `http://localhost:${port}` });

const LOCAL_CLUSTER: ClusterAddress = {
  workers: [local('alice', 4000), local('bob', 4001), local('carol', 4002)],
  clusterId: null,
  ownerKey: null,
};

/**
 * @returns the cluster of `/cluster.json`, or the local one where there is no such file
 * @throws Error when the file is there and malformed: guessing other workers would then be wrong
 */
export async function findCluster(fetchFile: typeof fetch = fetch): Promise<ClusterAddress> {
  const response = await fetchFile('/cluster.json', { cache: 'no-cache' }).catch(() => null);
  const isJson = response?.headers.get('content-type')?.includes('json') ?? false;
  // A development server answers unknown paths with the page itself.
  if (response === null || !response.ok || !isJson) return LOCAL_CLUSTER;
  const parsed = clusterSchema.safeParse(await response.json().catch(() => null));
  if (!parsed.success) throw new Error('The file cluster.json beside this page is not a valid cluster file.');
  const { workers, clusterId, ownerKey } = parsed.data;
  return { workers, clusterId, ownerKey };
}
