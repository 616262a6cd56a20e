/** What the mesh and the kernels take of memory under a steady load: nothing new. Three processes, real sockets. */
import { PROTOCOL_NAMES } from '@trivet/shared-types';
import { expect, it } from 'vitest';
import { expectClose, type SharedTestModel, someInputs, type TestCluster } from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

const WINDOWS = 12;
const REQUESTS = 40;

let cluster: TestCluster;
let model: SharedTestModel;
const { connect } = useCluster(async (...started) => {
  const [, owner] = started;
  [cluster] = started;
  model = await owner.share();
  await owner.serve('small');
});

/** Buffers of the mesh made so far, and bytes of the kernels' memory, at each worker. */
async function taken(): Promise<number[]> {
  const metrics = await Promise.all(
    cluster.cluster.workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
  );
  return metrics.flatMap((text) =>
    ['trivet_mesh_buffers_total', 'trivet_kernel_memory_bytes'].map((name) => {
      const value = new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(text)?.[1];
      expect(value, name).toBeDefined();
      return Number(value);
    }),
  );
}

it.each(PROTOCOL_NAMES)(
  '%s makes no buffer of the mesh, and grows no memory of the kernels',
  async (protocol) => {
    const client = await connect();
    const windows: { readonly before: number[]; readonly after: number[] }[] = [];
    const grew = () => windows.map(({ before, after }) => after.map((value, i) => value - before[i]!));
    // The first windows fill what is used again later. Now and then a heartbeat is in the way of a frame, and takes one more.
    while (windows.length < WINDOWS && !grew().some((values) => values.every((value) => value === 0))) {
      const before = await taken();
      for (let request = 0; request < REQUESTS; request++) {
        const inputs = someInputs(1 + (request % 3));
        const { logits, protocols } = await client.predictUnder(protocol, model, inputs);
        expectClose(logits, inputs);
        expect(protocols).toEqual([protocol, protocol, protocol]);
      }
      windows.push({ before, after: await taken() });
    }
    expect(grew()).toContainEqual([0, 0, 0, 0, 0, 0]);
  },
  120_000,
);
