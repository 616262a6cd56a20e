/** Where the workers are, and their keys: the public cluster file beside the page, signed by the cluster's owner. */
import { type Cluster, readClusterText, TrivetError } from '@trivet/shared-types';

export type ClusterAddress = Pick<Cluster, 'workers' | 'clusterId' | 'ownerKey'>;

/**
 * @returns the cluster of `/cluster.json`
 * @throws Error when there is none, or it is not what its owner signed: without the workers' keys nothing can be sealed,
 *   and so nothing is sent
 */
export async function findCluster(fetchFile: typeof fetch = fetch): Promise<ClusterAddress> {
  const response = await fetchFile('/cluster.json', { cache: 'no-cache' }).catch(() => null);
  const isJson = response?.headers.get('content-type')?.includes('json') ?? false;
  // A development server answers unknown paths with the page itself.
  if (response === null || !response.ok || !isJson) {
    throw new TrivetError(
      'FAILED_PRECONDITION',
      'There is no cluster.json beside this page: whoever serves the page must put it there.',
    );
  }
  const cluster = readClusterText(await response.text(), 'The file cluster.json beside this page');
  const { workers, clusterId, ownerKey } = cluster;
  return { workers, clusterId, ownerKey };
}
