import { type Cluster, generateOwnerKeys, generateSealingKeys, signCluster } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { findCluster } from './cluster.js';

const OWNER = generateOwnerKeys();
const CLUSTER = signCluster(
  {
    format: 1,
    clusterId: '0f'.repeat(16),
    ownerKey: OWNER.publicKey,
    workers: ['ann', 'ben', 'cat'].map((name, index) => {
      return { index, name, url: `https://${name}.example`, sealingKey: generateSealingKeys().publicKey };
    }) as unknown as Cluster['workers'],
  },
  OWNER.secretKey,
);

const answering = (body: unknown, init: ResponseInit = {}, type = 'application/json') =>
  (async () =>
    new Response(typeof body === 'string' ? body : JSON.stringify(body), {
      headers: { 'content-type': type },
      ...init,
    })) as typeof fetch;

/** Two workers with each other's key. */
const exchanged = ([ann, ben, cat]: Cluster['workers']) => [
  { ...ann, sealingKey: ben.sealingKey },
  { ...ben, sealingKey: ann.sealingKey },
  cat,
];

describe('findCluster', () => {
  it('reads the cluster file beside the page', async () => {
    expect(await findCluster(answering(CLUSTER))).toEqual({
      workers: CLUSTER.workers,
      clusterId: CLUSTER.clusterId,
      ownerKey: CLUSTER.ownerKey,
    });
  });

  it.each<[string, typeof fetch]>([
    ['no file', answering('', { status: 404 })],
    ['the page itself in its place', answering('<!doctype html>', {}, 'text/html')],
    ['no network', () => Promise.reject(new TypeError('Failed to fetch'))],
  ])('has no worker to send anything to when there is %s', async (_, fetchFile) => {
    await expect(findCluster(fetchFile)).rejects.toThrow('There is no cluster.json beside this page');
  });

  it.each([
    ['cut short', '{"format":1'],
    ['of another format', { ...CLUSTER, format: 2 }],
    ['with more in it', { ...CLUSTER, secret: 1 }],
    ['with two workers', { ...CLUSTER, workers: CLUSTER.workers.slice(0, 2) }],
    ['with two keys exchanged', { ...CLUSTER, workers: exchanged(CLUSTER.workers) }],
  ])('refuses a file that is %s', async (_, body) => {
    await expect(findCluster(answering(body))).rejects.toThrow(/is not valid|was changed since its owner/);
  });
});
