import { generateOwnerKeys, type ServingOrder, signServingOrder, TrivetError } from '@trivet/shared-types';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAllowedOrigin } from '../src/clients/origins.js';
import { Upload } from '../src/clients/upload.js';
import { createLogger } from '../src/observe/logger.js';
import { FairShare } from '../src/serving/fair-share.js';
import type { Model } from '../src/serving/models.js';
import { RequestTable } from '../src/serving/request-table.js';
import { isNewer, keyOf, knowOrder, ServeRecords } from '../src/serving/serve-records.js';
import type { ModelStore, ServeRecord } from '../src/store/model-store.js';

type Key = ReturnType<typeof keyOf>;

const MODEL = { name: 'mnist', digest: 'ab'.repeat(32) } as Model;
const seed = { kind: 'seed', seed: new Uint8Array(32) } as const;
const somebody = { token: null, client: 'somebody' };
const somebodyElse = { token: null, client: 'somebody else' };
const request = (id: string, deadlineMs = 1000) => ({
  requestId: id.repeat(32),
  manifestDigest: MODEL.digest,
  deadlineMs,
  count: 1,
  protocol: null,
  first: seed,
  second: seed,
});

describe('the request table', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const make = (maxRequests = 10, maxRequestBytes = 1000) => {
    const givenUp: string[] = [];
    const onGivenUp = (_: unknown, error: TrivetError) => void givenUp.push(error.code);
    return { table: new RequestTable({ worker: 'bob', maxRequests, maxRequestBytes, onGivenUp }), givenUp };
  };

  it('refuses an id while its request is open, and after it', () => {
    const { table } = make();
    const open = table.admit(request('1'), MODEL, somebody, () => {});
    const again = () => table.checkNew('1'.repeat(32));
    expect(again).toThrow(expect.objectContaining({ code: 'ALREADY_EXISTS', worker: 'bob' }));
    open.answer(new Uint8Array(1));
    table.remove(open);
    expect(again).toThrow(/used before/);
    vi.advanceTimersByTime(10 * 60_000);
    expect(again).toThrow(/used before/);
    expect(() => table.checkNew('2'.repeat(32))).not.toThrow();
  });

  it('answers once, and with DEADLINE_EXCEEDED when nothing comes in time', () => {
    const { table, givenUp } = make();
    const outcomes: unknown[] = [];
    const open = table.admit(request('1', 50), MODEL, somebody, (outcome) => outcomes.push(outcome));
    vi.advanceTimersByTime(49);
    expect(outcomes).toHaveLength(0);
    vi.advanceTimersByTime(2);
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    open.answer(new Uint8Array(1));
    table.giveUp(open, new TrivetError('CANCELLED', 'late'));
    expect(outcomes).toHaveLength(1);
    expect(givenUp).toEqual(['DEADLINE_EXCEEDED']);
    expect(table.get(open.id)).toBe(open);
  });

  it('wipes the shares of a request that is over', () => {
    const { table } = make();
    const [own, words] = [new Uint8Array(32).fill(7), new Uint8Array(64).fill(8)];
    const parts = { first: { kind: 'seed', seed: own }, second: { kind: 'explicit', words } } as const;
    const open = table.admit({ ...request('1'), ...parts }, MODEL, somebody, () => {});
    open.answer(new Uint8Array(1));
    expect([own[0], words[63]]).toEqual([7, 8]);
    table.remove(open);
    expect([...own, ...words].every((byte) => byte === 0)).toBe(true);
  });

  it('is bounded', () => {
    const { table } = make(2);
    const open = table.admit(request('1'), MODEL, somebody, () => {});
    table.admit(request('2'), MODEL, somebodyElse, () => {});
    const third = () => table.admit(request('3'), MODEL, { token: null, client: 'a third' }, () => {});
    expect(third).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED' }));
    table.remove(open);
    expect(third).not.toThrow();
    const bytes = make(10, 100).table;
    const large = bytes.admit(request('1'), MODEL, somebody, () => {});
    const next = () => bytes.admit(request('2'), MODEL, somebodyElse, () => {});
    expect(next).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED' }));
    bytes.remove(large);
    expect(next).not.toThrow();
  });

  it('has room for fewer than it takes, and always for one', () => {
    const { table } = make(10);
    const room = () => table.checkRoom('a third', 0.8);
    for (const id of ['1', '2', '3', '4']) table.admit(request(id), MODEL, somebody, () => {});
    for (const id of ['5', '6', '7']) table.admit(request(id), MODEL, somebodyElse, () => {});
    expect(room).not.toThrow();
    table.admit(request('8'), MODEL, { token: null, client: 'a fourth' }, () => {});
    expect(room).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED', worker: 'bob' }));
    expect(() =>
      table.admit(request('9'), MODEL, { token: null, client: 'a third' }, () => {}),
    ).not.toThrow();
    expect(() => make(1).table.checkRoom('anybody', 0.8)).not.toThrow();
  });
});

describe('places', () => {
  it('of one client are never more than are left for others', () => {
    const clients = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 9 })));
    fc.assert(
      fc.property(clients, fc.integer({ min: 1, max: 60 }), (asked, limit) => {
        const share = new FairShare(limit);
        const held = new Map<string, number>();
        const total = () => [...held.values()].reduce((sum, one) => sum + one, 0);
        for (const [client, amount] of asked) {
          const own = held.get(client) ?? 0;
          const has = share.hasRoom(client, amount);
          expect(has).toBe(own + amount <= limit - total());
          if (has) {
            share.take(client, amount);
            held.set(client, own + amount);
          } else if (own > 0) {
            share.giveBack(client, own);
            held.delete(client);
          }
          expect(total()).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  it('are half of all for one alone, and a newcomer finds some', () => {
    const share = new FairShare(100);
    while (share.hasRoom('greedy', 1)) share.take('greedy', 1);
    let of = 0;
    for (; share.hasRoom('modest', 1); of++) share.take('modest', 1);
    expect(of).toBe(25);
    share.giveBack('greedy', 50);
    expect(share.hasRoom('greedy', 37)).toBe(true);
    expect(share.hasRoom('greedy', 76)).toBe(false);
  });
});

describe('serve records', () => {
  const owner = generateOwnerKeys();
  const clusterId = '00'.repeat(16);
  const orderOf = (sequence: number, wish: Partial<ServingOrder> = {}) => {
    const order: ServingOrder = {
      format: 1,
      clusterId,
      model: 'mnist',
      sequence,
      since: sequence,
      requestLimit: null,
      versions: [{ version: 1, digest: MODEL.digest, protocol: 'securenn' }],
      current: 1,
      labels: {},
      ...wish,
    };
    return knowOrder(signServingOrder(order, owner.secretKey), owner.publicKey, clusterId);
  };
  const make = () => {
    const written: ServeRecord[] = [];
    const store = {
      readServing: async () => written.at(-1) ?? null,
      writeServing: async (_: string, record: ServeRecord) => void written.push(record),
    } as unknown as ModelStore;
    let changes = 0;
    const onChange = () => {
      changes += 1;
    };
    const records = new ServeRecords('mnist', store, onChange);
    const serve = async (...order: Parameters<typeof orderOf>) => {
      const adopted = records.adopt(orderOf(...order));
      records.enforce();
      await adopted;
    };
    return { records, serve, written, store, changes: () => changes };
  };

  it('serves exactly as many images as allowed, reservations included', async () => {
    const { records, serve } = make();
    expect(() => records.checkRoom(1, 0, 'alice')).toThrow(/does not serve it now/);
    await serve(1, { requestLimit: 3 });
    records.checkRoom(3, 0, 'alice');
    expect(() => records.checkRoom(4, 0, 'alice')).toThrow(/3 more of the 3/);
    const first = records.reserve(2);
    records.checkRoom(1, 0, 'alice');
    expect(() => records.checkRoom(1, 1, 'alice')).toThrow(/all 3|0 more|allowed/);
    expect(() => records.checkRoom(2, 0, 'alice')).toThrow(/1 more/);
    first.giveBack();
    first.commit();
    expect(records.served).toBe(0);
    const second = records.reserve(3);
    expect(second.commit()).toBe(true);
    expect(records.served).toBe(3);
    expect(records.serving).toBe(false);
    expect(() => records.checkRoom(1, 0, 'alice')).toThrow(/all 3/);
  });

  it('has a reservation on disk before its reply may leave, and survives a restart', async () => {
    const { records, serve, written, store } = make();
    await serve(4, { requestLimit: 5 });
    await records.reserve(2).durable;
    expect(written.at(-1)).toMatchObject({ served: 2, inForce: orderOf(4, { requestLimit: 5 }).signed });
    const again = new ServeRecords('mnist', store, () => {});
    await again.restore(owner.publicKey, clusterId);
    expect([again.served, again.requestLimit, again.serving, again.since]).toEqual([2, 5, true, 4]);
    expect(again.protocolOf(MODEL.digest)).toBe('securenn');
    expect(again.wasServed(MODEL.digest)).toBe(true);
    const foreign = new ServeRecords('other', store, () => {});
    await expect(foreign.restore(owner.publicKey, clusterId)).rejects.toThrow(/another model's/);
    const mallory = new ServeRecords('mnist', store, () => {});
    await expect(mallory.restore(generateOwnerKeys().publicKey, clusterId)).rejects.toThrow(/signature/);
  });

  it('does not count a batch of an earlier serve for a later one', async () => {
    const { records, serve } = make();
    await serve(1, { requestLimit: 2 });
    const old = records.reserve(2);
    await serve(2, { requestLimit: 2 });
    expect(old.commit()).toBe(false);
    expect(records.served).toBe(0);
    records.checkRoom(2, 0, 'alice');
  });

  it('counts on over a change of version', async () => {
    const { records, serve } = make();
    await serve(1, { requestLimit: 5 });
    records.reserve(1).commit();
    const open = records.reserve(2);
    const versions = [{ version: 2, digest: 'cd'.repeat(32), protocol: 'replicated' as const }];
    await serve(2, { requestLimit: 5, since: 1, versions, current: 2 });
    expect(() => records.checkRoom(3, 0, 'alice')).toThrow(/2 more of the 5/);
    expect(open.commit()).toBe(true);
    expect(records.served).toBe(3);
    // What leaves is run as it was until now.
    expect(records.protocolOf(MODEL.digest)).toBe('securenn');
  });

  it('keeps the order in force and the next one apart, over a restart too', async () => {
    const { records, serve, store } = make();
    await serve(1, { requestLimit: 5 });
    records.reserve(1).commit();
    await records.adopt(orderOf(2, { requestLimit: 9 }));
    expect([records.requestLimit, records.served]).toEqual([5, 1]);
    const again = new ServeRecords('mnist', store, () => {});
    await again.restore(owner.publicKey, clusterId);
    expect([again.inForce?.order.sequence, again.next?.order.sequence]).toEqual([1, 2]);
    expect([again.durable?.order.sequence, again.served]).toEqual([2, 1]);
    again.enforce();
    expect([again.requestLimit, again.served, again.next]).toEqual([9, 0, null]);
  });

  it('takes a higher count from a peer, of the same serving, and never a lower one', async () => {
    const { records, serve, changes } = make();
    await serve(3, { requestLimit: 4 });
    records.noteServed(3, 2);
    records.noteServed(3, 1);
    records.noteServed(2, 4);
    expect([records.served, records.serving]).toEqual([2, true]);
    const before = changes();
    records.noteServed(3, 4);
    expect(records.serving).toBe(false);
    expect(changes()).toBe(before + 1);
    await records.flush();
  });

  it('puts orders in one sequence at every worker', () => {
    const [one, two] = [orderOf(7), orderOf(7, { requestLimit: 1 })].map(keyOf) as [Key, Key];
    expect(isNewer(one, two)).toBe(!isNewer(two, one));
    expect(isNewer(one, one)).toBe(false);
    expect(isNewer(keyOf(orderOf(8)), one)).toBe(true);
  });
});

describe('the logger', () => {
  it('never prints bytes or secret fields', () => {
    const lines: string[] = [];
    const log = createLogger('alice', 'info', { write: (line) => void lines.push(line) });
    const secret = Buffer.from('very secret share');
    log.info({ anything: secret, nested: { list: [secret] }, seed: 'SEED', model: { share: 'SHARE' } }, 'x');
    const error = Object.assign(new Error('a sentence'), { payload: secret, cause: secret });
    log.error({ err: error }, 'y');
    log.error(error);
    log.info({ a: { b: { c: { ownerSecretKey: 'OWNER' } }, error }, bytes: [...secret], big: [1n, 2n] }, 'z');
    log.info({ part: { toJSON: () => '[share]', seed: secret }, proof: 'PROOF', passphrase: 'PASS' }, 'z');
    const text = lines.join('');
    expect(text).toContain('a sentence');
    expect(text).toContain('[17 bytes]');
    expect(text).toContain('[17 numbers]');
    expect(text).toContain('"part":"[share]"');
    const leaks = [
      'very secret',
      'SEED',
      'SHARE',
      'OWNER',
      'PROOF',
      'PASS',
      '118,101,114',
      secret.toString('hex'),
    ];
    for (const leak of leaks) expect(text).not.toContain(leak);
    expect(JSON.parse(lines[1]!)).toMatchObject({ err: { name: 'Error', message: 'a sentence' } });
  });
});

describe('uploads', () => {
  it('take chunks in order only, and no byte too many', () => {
    const upload = new Upload({ text: '', ownerKey: '', signature: '' }, 10, 'bob');
    expect(() => upload.append(1, new Uint8Array(2))).toThrow(/not the next one/);
    upload.append(0, new Uint8Array(6));
    expect(() => upload.append(0, new Uint8Array(4))).toThrow(/not the next one/);
    expect(() => upload.append(6, new Uint8Array(5))).toThrow(/not the next one/);
    expect(() => upload.append(6, new Uint8Array(0))).toThrow(/not the next one/);
    expect(() => upload.complete()).toThrow(/not complete/);
    upload.append(6, new Uint8Array(4));
    expect(upload.complete()).toHaveLength(10);
  });
});

describe('origins', () => {
  const allowed = ['http://localhost:*', 'https://trivet.example'];
  it.each([
    [undefined, true],
    ['http://localhost', true],
    ['http://localhost:5173', true],
    ['https://localhost:5173', false],
    ['http://localhost.evil.example', false],
    ['http://localhost:80@evil.example', false],
    ['https://trivet.example', true],
    ['https://trivet.example:8443', false],
    ['null', false],
  ])('%s → %s', (origin, expected) => {
    expect(isAllowedOrigin(origin, allowed)).toBe(expected);
  });
});
