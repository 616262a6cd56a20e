import { TrivetError } from '@trivet/shared-types';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAllowedOrigin } from '../src/clients/origins.js';
import { Upload } from '../src/clients/upload.js';
import { createLogger } from '../src/observe/logger.js';
import type { Model } from '../src/serving/models.js';
import { RequestTable } from '../src/serving/request-table.js';
import { ServeRecords } from '../src/serving/serve-records.js';
import type { ModelStore, ServeRecord } from '../src/store/model-store.js';

const MODEL = { name: 'mnist', digest: 'ab'.repeat(32) } as Model;
const seed = { kind: 'seed', seed: new Uint8Array(32) } as const;
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
    const open = table.admit(request('1'), MODEL, () => {});
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
    const open = table.admit(request('1', 50), MODEL, (outcome) => outcomes.push(outcome));
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

  it('is bounded', () => {
    const { table } = make(2);
    const open = table.admit(request('1'), MODEL, () => {});
    table.admit(request('2'), MODEL, () => {});
    const third = () => table.admit(request('3'), MODEL, () => {});
    expect(third).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED' }));
    table.remove(open);
    expect(third).not.toThrow();
    const bytes = make(10, 100).table;
    const large = bytes.admit(request('1'), MODEL, () => {});
    const next = () => bytes.admit(request('2'), MODEL, () => {});
    expect(next).toThrow(expect.objectContaining({ code: 'RESOURCE_EXHAUSTED' }));
    bytes.remove(large);
    expect(next).not.toThrow();
  });
});

describe('serve records', () => {
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
    const records = new ServeRecords('mnist', MODEL.digest, store, onChange, 'replicated');
    return { records, written, store, changes: () => changes };
  };

  it('serves exactly as many images as allowed, reservations included', async () => {
    const { records } = make();
    expect(() => records.checkRoom(1, 0, 'alice')).toThrow(/does not serve it now/);
    await records.serve(3, 'replicated');
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
    const { records, written, store } = make();
    await records.serve(5, 'securenn');
    await records.reserve(2).durable;
    expect(written.at(-1)).toMatchObject({ served: 2, requestLimit: 5, serving: true });
    const again = new ServeRecords('mnist', MODEL.digest, store, () => {}, 'replicated');
    await again.restore();
    expect([again.served, again.requestLimit, again.serving]).toEqual([2, 5, true]);
    expect(again.protocol).toBe('securenn');
    const other = new ServeRecords('mnist', 'cd'.repeat(32), store, () => {}, 'replicated');
    await other.restore();
    expect(other.serving).toBe(false);
  });

  it('does not count a batch of an earlier serve for a later one', async () => {
    const { records } = make();
    await records.serve(2, 'replicated');
    const old = records.reserve(2);
    await records.serve(2, 'replicated');
    expect(old.commit()).toBe(false);
    expect(records.served).toBe(0);
    records.checkRoom(2, 0, 'alice');
  });

  it('follows the leader, and stops showing as served at the limit', async () => {
    const { records, changes } = make();
    await records.serve(2, 'replicated');
    records.noteServed(1);
    expect(records.serving).toBe(true);
    const before = changes();
    records.noteServed(2);
    expect(records.serving).toBe(false);
    expect(changes()).toBe(before + 1);
    await records.flush();
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
    const text = lines.join('');
    expect(text).toContain('a sentence');
    expect(text).toContain('[17 bytes]');
    for (const leak of ['very secret', 'SEED', 'SHARE', '118,101,114', secret.toString('hex')]) {
      expect(text).not.toContain(leak);
    }
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
