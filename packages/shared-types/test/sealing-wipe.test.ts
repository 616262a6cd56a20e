/** The keys of a sealed connection end with it, at both ends, however it ends. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { acceptChannel, openChannel, sealingWorker, type TrivetError } from '../src/index.js';
import { Wire } from './fake-socket.js';
import { counting, SEALING_SECRET_KEYS } from './fixtures.js';

/** Every key that something was sealed or opened with. */
const keys: Uint8Array[] = [];

vi.mock('../src/sealing/aead.js', async (original) => {
  const { nodeAead, ...rest } = await original<typeof import('../src/sealing/aead.js')>();
  const watched = (key: Uint8Array) => {
    keys.push(key);
    return nodeAead(key);
  };
  return { ...rest, nodeAead: watched, createAead: async (key: Uint8Array) => watched(key) };
});

beforeEach(() => {
  keys.length = 0;
});

const isWiped = (key: Uint8Array) => key.every((byte) => byte === 0);
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

async function converse() {
  const worker = await sealingWorker(0, 'alice', SEALING_SECRET_KEYS[0]);
  const wire = new Wire();
  const broken: TrivetError[] = [];
  const heard: unknown[] = [];
  const ends = {
    worker: acceptChannel(wire.worker, {
      worker,
      event: (name, _, acknowledge) => {
        heard.push(name);
        acknowledge({ ok: true, value: {} });
      },
      broken: (error) => broken.push(error),
    }),
    client: await openChannel(wire.client, worker, { push: () => {}, broken: (error) => broken.push(error) }),
  };
  await new Promise((resolve) => ends.client.send('one', counting(40), resolve));
  return { wire, broken, heard, ...ends };
}

describe('the keys of a sealed connection', () => {
  it('are wiped when both ends close it, and nothing is sealed any more', async () => {
    const { wire, client, worker, heard } = await converse();
    expect(keys).toHaveLength(4);
    expect(keys.some(isWiped)).toBe(false);
    client.close();
    expect(keys.filter(isWiped)).toHaveLength(2);
    worker.close();
    expect(keys.every(isWiped)).toBe(true);
    const said = wire.messages.length;
    client.send('two', {}, () => {});
    worker.push('status', {});
    client.close();
    worker.close();
    await settled();
    expect([wire.messages.length, heard]).toEqual([said, ['one']]);
  });

  it('are wiped by whom a message does not open', async () => {
    const { wire, worker, broken } = await converse();
    wire.client.emit('trivet:sealed', counting(30), () => {});
    await settled();
    expect(broken).toHaveLength(1);
    expect(keys.filter(isWiped)).toHaveLength(2);
    worker.push('status', {});
    wire.worker.emit('trivet:sealed', counting(30));
    await settled();
    expect(keys.every(isWiped)).toBe(true);
  });

  it('are wiped when the socket closes before they are agreed on', async () => {
    const worker = await sealingWorker(0, 'alice', SEALING_SECRET_KEYS[0]);
    const wire = new Wire();
    wire.passes = () => false;
    const accepted = acceptChannel(wire.worker, { worker, event: () => {}, broken: () => {} });
    void openChannel(wire.client, worker, { push: () => {}, broken: () => {} });
    await expect.poll(() => wire.messages.length).toBe(1);
    wire.messages[0]!.deliver();
    accepted.close();
    await expect.poll(() => keys.length).toBe(2);
    await expect.poll(() => keys.every(isWiped)).toBe(true);
    expect(wire.messages).toHaveLength(1);
  });
});
