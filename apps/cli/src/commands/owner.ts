/** Work that needs the model owner's key. */
import { ModelOwner } from '@trivet/client';
import { readCluster, readOwnerKey } from '@trivet/node';

/** Connects as the owner of the cluster in `directory`, and disconnects afterwards, however the work ends. */
export async function withOwner<T>(
  directory: string,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  work: (owner: ModelOwner) => Promise<T>,
): Promise<T> {
  const { clusterId, workers } = await readCluster(directory);
  const ownerSecretKey = await readOwnerKey(directory);
  const owner = await ModelOwner.connect({ workers, clusterId, ownerSecretKey, ...options });
  try {
    return await work(owner);
  } finally {
    owner.close();
  }
}
