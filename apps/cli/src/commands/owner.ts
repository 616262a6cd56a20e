/** Work that needs the model owner's key. */
import { ModelOwner, type ModelOwnerOptions } from '@trivet/client';
import { readCluster, readOwnerKey } from '@trivet/node';

/** Connects as the owner of the cluster in `directory`, and disconnects afterwards, however the work ends. */
export async function withOwner<T>(
  directory: string,
  options: Pick<ModelOwnerOptions, 'mayBeAway'> & {
    readonly signal: AbortSignal;
    readonly timeoutMs: number;
  },
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

/** As `withOwner`, for who may ask: one worker may be away, and is told by the others when it is back. */
export function withAccess(
  directory: string,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  work: (access: ModelOwner['access']) => Promise<void>,
): Promise<void> {
  return withOwner(directory, { ...options, mayBeAway: 1 }, (owner) => work(owner.access));
}
