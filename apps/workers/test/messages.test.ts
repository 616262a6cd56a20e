import { ERROR_CODES, PROTOCOL_NAMES, TrivetError } from '@trivet/shared-types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as messages from '../src/mesh/messages.js';
import { SessionLedger } from '../src/mesh/session-ledger.js';

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
const latin1 = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('latin1'));
const u32 = fc.nat(0xffff_ffff);

describe('control messages', () => {
  it('come back as they were', () => {
    const arrived = fc.record({
      requestId: hex(16),
      digest: hex(32),
      count: u32,
      protocol: fc.constantFrom(null, ...PROTOCOL_NAMES),
      deadlineMs: u32,
    });
    const proposal = fc.record({
      link: hex(8),
      digest: hex(32),
      protocol: fc.constantFrom(...PROTOCOL_NAMES),
      helper: fc.constantFrom(0 as const, 1 as const, 2 as const),
      images: u32,
      asked: fc.option(fc.constantFrom(...PROTOCOL_NAMES)),
      ahead: fc.boolean(),
      material: fc.uniqueArray(latin1(16), { maxLength: 20 }),
      requestIds: fc.uniqueArray(hex(16), { minLength: 1, maxLength: 20 }),
    });
    const error = fc.record({
      code: fc.constantFrom(...ERROR_CODES),
      message: fc.string({ maxLength: 100 }),
    });
    fc.assert(
      fc.property(arrived, proposal, error, fc.nat(2 ** 47), hex(16), (a, p, e, served, id) => {
        expect(messages.decodeArrived(messages.encodeArrived(a))).toEqual(a);
        expect(messages.decodeProposal(messages.encodeProposal(p))).toEqual(p);
        const { material, requestIds: _, images: __, asked: ___, ahead: ____, ...run } = p;
        const deal = { ...run, dropped: material };
        expect(messages.decodeDeal(messages.encodeDeal(deal))).toEqual(deal);
        expect(messages.decodeDealt(messages.encodeDealt(served))).toBe(served);
        expect(
          messages.decodeServed(messages.encodeServed({ digest: a.digest, since: a.count, served })),
        ).toEqual({
          digest: a.digest,
          since: a.count,
          served,
        });
        const refusal = messages.encodeRefusal(id, new TrivetError(e.code, e.message));
        const back = messages.decodeRefusal(refusal, 'bob');
        expect(back.requestId).toBe(id);
        expect(back.error.toBody()).toEqual({ ...e, worker: 'bob' });
      }),
    );
  });

  it('are refused when cut short, too long or random', () => {
    const decoders = [
      messages.decodeArrived,
      messages.decodeProposal,
      messages.decodeServed,
      messages.decodeDeal,
      messages.decodeDealt,
      (payload: Uint8Array) => messages.decodeRefusal(payload, 'bob'),
      (payload: Uint8Array) => messages.decodeError(payload, 'bob'),
      (payload: Uint8Array) => messages.decodeJson(messages.stateSchema, payload, 'The state'),
      (payload: Uint8Array) => messages.decodeJson(messages.helloSchema, payload, 'The hello'),
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(decoders.length - 1), (payload, which) => {
        try {
          decoders[which]!(payload);
        } catch (error) {
          expect(error).toBeInstanceOf(TrivetError);
        }
      }),
    );
    const arrived = messages.encodeArrived({
      requestId: '00'.repeat(16),
      digest: '11'.repeat(32),
      count: 1,
      protocol: null,
      deadlineMs: 1,
    });
    expect(() => messages.decodeArrived(arrived.subarray(1))).toThrow(/malformed/);
    expect(() => messages.decodeArrived(Buffer.concat([arrived, Buffer.alloc(1)]))).toThrow(/malformed/);
    expect(() => messages.decodeError(new Uint8Array(0), 'bob')).toThrow(/malformed/);
    expect(() => messages.decodeError(Uint8Array.of(ERROR_CODES.length), 'bob')).toThrow(/malformed/);
  });

  it('refuses a proposal that names a request or an item twice, or no request, protocol or helper', () => {
    const id = '22'.repeat(16);
    const ids = { link: '00'.repeat(8), digest: '11'.repeat(32), requestIds: [id, id] };
    const counts = { images: 1, material: [], ahead: false };
    const proposal = { ...ids, ...counts, protocol: 'securenn' as const, helper: 0 as const };
    expect(() => messages.decodeProposal(messages.encodeProposal(proposal))).toThrow(/malformed/);
    const none = messages.encodeProposal({ ...proposal, requestIds: [] });
    expect(() => messages.decodeProposal(none)).toThrow(/malformed/);
    for (const byte of [0, PROTOCOL_NAMES.length + 1]) {
      const good = messages.encodeProposal({ ...proposal, requestIds: [id] });
      good[40] = byte;
      expect(() => messages.decodeProposal(good)).toThrow(TrivetError);
    }
    const item = 'm'.repeat(16);
    const run = { ...proposal, requestIds: [id] };
    const bad = [
      messages.encodeProposal({ ...run, helper: 3 as never }),
      messages.encodeProposal({ ...run, material: [item, item] }),
      messages.encodeProposal({ ...run, material: [item] }).subarray(0, -16),
      Buffer.concat([messages.encodeProposal({ ...run, material: [item] }), Buffer.alloc(1)]),
      messages.encodeProposal(run).subarray(0, 44),
    ];
    for (const payload of bad) expect(() => messages.decodeProposal(payload)).toThrow(/malformed/);
    const deal = messages.encodeDeal({ ...run, dropped: [item, item] });
    expect(() => messages.decodeDeal(deal)).toThrow(/malformed/);
    expect(() => messages.decodeDeal(deal.subarray(0, 41))).toThrow(/malformed/);
  });

  it('refuses unknown fields in JSON', () => {
    const state = { models: [], link: null, serving: [], more: 1 };
    const payload = messages.encodeJson(state);
    expect(() => messages.decodeJson(messages.stateSchema, payload, 'The state')).toThrow(/more/);
  });
});

describe('the ledger of session ids', () => {
  const key = (nonce: string, counter: number) => {
    const bytes = Buffer.alloc(16, nonce);
    bytes.writeBigUInt64BE(BigInt(counter), 8);
    return bytes.toString('latin1');
  };

  it('takes growing counters only, per boot of the leader', () => {
    const ledger = new SessionLedger();
    expect(ledger.accept(key('a', 1))).toBe(true);
    expect(ledger.accept(key('a', 1))).toBe(false);
    expect(ledger.accept(key('a', 300))).toBe(true);
    expect(ledger.accept(key('a', 299))).toBe(false);
    expect(ledger.accept(key('b', 2))).toBe(true);
    expect(ledger.accept(key('a', 2))).toBe(false);
    expect([ledger.isPast(key('a', 300)), ledger.isPast(key('a', 301))]).toEqual([true, false]);
    // A reserved id may come late, once; others that were passed over may not.
    expect(ledger.reserve(key('a', 301))).toBe(true);
    expect([ledger.reserve(key('a', 301)), ledger.reserve(key('a', 299))]).toEqual([false, false]);
    expect(ledger.accept(key('a', 303))).toBe(true);
    expect([ledger.isPast(key('a', 301)), ledger.isPast(key('a', 302))]).toEqual([false, true]);
    expect([ledger.accept(key('a', 301)), ledger.accept(key('a', 301))]).toEqual([true, false]);
    expect(ledger.accept(key('a', 302))).toBe(false);
    expect(ledger.isPast(key('c', 1))).toBe(false);
  });

  it('is bounded', () => {
    const ledger = new SessionLedger();
    const accepted = Array.from({ length: 400 }, (_, i) => {
      const bytes = Buffer.alloc(16);
      bytes.writeUInt32BE(i);
      bytes.writeUInt32BE(1, 12);
      return ledger.accept(bytes.toString('latin1'));
    });
    expect(accepted.filter(Boolean)).toHaveLength(256);
  });
});
