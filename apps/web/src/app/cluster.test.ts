import { describe, expect, it } from 'vitest';
import { findCluster } from './cluster.js';

const CLUSTER = {
  format: 1,
  clusterId: '0f'.repeat(16),
  ownerKey: 'a1'.repeat(32),
  workers: ['ann', 'ben', 'cat'].map((name, index) => ({ index, name, url: `https://${name}.example` })),
};

const answering = (body: unknown, init: ResponseInit = {}, type = 'application/json') =>
  (async () =>
    new Response(typeof body === 'string' ? body : JSON.stringify(body), {
      headers: { 'content-type': type },
      ...init,
    })) as typeof fetch;

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
  ])('takes the workers on this computer when there is %s', async (_, fetchFile) => {
    const { workers, clusterId } = await findCluster(fetchFile);
    expect(workers.map(({ url }) => url)).toEqual([
      'http://localhost:4000',
      'http://localhost:4001',
      'http://localhost:4002',
    ]);
    expect(clusterId).toBeNull();
  });

  it.each([
    ['cut short', '{"format":1'],
    ['of another format', { ...CLUSTER, format: 2 }],
    ['with more in it', { ...CLUSTER, secret: 1 }],
    ['with two workers', { ...CLUSTER, workers: CLUSTER.workers.slice(0, 2) }],
  ])('refuses a file that is %s instead of guessing', async (_, body) => {
    await expect(findCluster(answering(body))).rejects.toThrow('not a valid cluster file');
  });
});
