/** How many threads a worker's kernels run on, and that they begin and end with it. */
import { randomBytes } from 'node:crypto';
import { PROTOCOL_NAMES } from '@trivet/shared-types';
import { describe, expect, it } from 'vitest';
import { kernelThreads, startKernels } from '../src/kernels/kernels.js';
import { expectClose, type SharedTestModel, someInputs, type TestCluster } from './support/cluster.js';
import { useCluster } from './support/use-cluster.js';

const THREADS = 3;

describe('the number of kernel threads', () => {
  const choose = (cores: number, hosts: readonly [string, string], threads: 'auto' | number = 'auto') => {
    const peers = hosts.map((host) => ({ host }));
    return kernelThreads({ kernelThreads: threads, mesh: { peers } } as never, cores);
  };

  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
    [64, 4],
  ])('on a machine of its own with %i cores is %i', (cores, threads) => {
    expect(choose(cores, ['bob.example', '192.0.2.7'])).toBe(threads);
  });

  it.each([
    [1, 1],
    [2, 1],
    [5, 1],
    [6, 2],
    [64, 4],
  ])('with all three workers on %i cores is %i', (cores, threads) => {
    expect(choose(cores, ['127.0.0.1', 'localhost'])).toBe(threads);
  });

  it('is shared with the one worker that is on the same machine', () => {
    expect(choose(6, ['::1', 'carol.example'])).toBe(3);
  });

  it('is what the configuration says, whatever the machine has', () => {
    expect(choose(1, ['127.0.0.1', '127.0.0.1'], 7)).toBe(7);
  });
});

describe('startKernels', () => {
  it('starts threads that help, and ends them', async () => {
    const failures: Error[] = [];
    const running = await startKernels(THREADS, (error) => failures.push(error));
    const { kernels } = running;
    const bytes = 2 ** 20;
    const from = Math.ceil(kernels.memory.base / 64) * 64;
    kernels.memory.ensure(from + bytes + 64);
    kernels.memory.bytes.set(randomBytes(32), from);
    const until = performance.now() + 10_000;
    while (running.helped() === 0 && performance.now() < until) {
      kernels.chacha20(from + 64, from, 1, 2, 3, 0, bytes);
      // A thread begins with a message from the event loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(running.helped()).toBeGreaterThan(0);
    expect(running.threads).toBe(THREADS);
    await running.close();
    expect(failures).toEqual([]);
  });

  it('does without where memory cannot be shared, and says so', async () => {
    const { Memory } = WebAssembly;
    WebAssembly.Memory = class {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        if (descriptor.shared) throw new RangeError('could not allocate memory');
        // biome-ignore lint/correctness/noConstructorReturn: what is not shared is as ever
        return new Memory(descriptor);
      }
    } as typeof Memory;
    const failures: Error[] = [];
    const running = await startKernels(THREADS, (error) => failures.push(error)).finally(() => {
      WebAssembly.Memory = Memory;
    });
    expect(failures.map(({ message }) => message)).toEqual(['could not allocate memory']);
    expect(running.threads).toBe(1);
    expect(running.kernels.kind).toBe('wasm');
    await running.close();
  });

  it('starts none for one', async () => {
    const running = await startKernels(1, () => {});
    expect(running.threads).toBe(1);
    expect(running.helped()).toBe(0);
    await running.close();
  });
});

describe('workers with kernel threads', () => {
  let cluster: TestCluster;
  let model: SharedTestModel;
  const { connect } = useCluster(
    async (...started) => {
      const [, owner] = started;
      [cluster] = started;
      model = await owner.share();
      await owner.serve('small');
    },
    { kernelThreads: THREADS },
  );

  it('say how many they have', async () => {
    for (const { url } of cluster.cluster.workers) {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).toMatch(/^trivet_kernel_threads\{.*\} 3$/m);
      expect(metrics).toMatch(/^trivet_kernel_thread_pieces_total\{.*\} \d+$/m);
    }
  });

  it.each(PROTOCOL_NAMES)('answer under %s', async (protocol) => {
    const client = await connect();
    const inputs = someInputs(5);
    expectClose((await client.predictUnder(protocol, model, inputs)).logits, inputs);
  });

  it('stop as fast as without', async () => {
    const [, , carol] = cluster.workers;
    const start = performance.now();
    expect(await carol.stop('SIGTERM')).toBe(0);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
