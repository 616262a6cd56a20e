/** The parts of access control, one by one. */
import { ClientToken, type TokenGrant, TrivetError } from '@trivet/shared-types';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalSecrets, isProofOf } from '../src/access/compare-secrets.js';
import { FailedAttempts, networkOf, sourceOf } from '../src/access/failed-attempts.js';
import { RateLimits } from '../src/access/rate-limits.js';
import { isFromThisMachine } from '../src/access/this-machine.js';
import { TokenUse } from '../src/access/token-use.js';
import { joinReservations } from '../src/serving/reservations.js';
import type { ModelStore } from '../src/store/model-store.js';

const CLUSTER_ID = 'ab'.repeat(16);
const CHALLENGE = 'cd'.repeat(32);

function grant(changes: Partial<TokenGrant> = {}): TokenGrant {
  const verifiers: TokenGrant['verifiers'] = ['00'.repeat(32), '11'.repeat(32), '22'.repeat(32)];
  const nothing = { models: null, quota: null, rate: null, expiresAt: null, revokedAt: null };
  return {
    id: 'a'.repeat(16),
    name: 'one',
    createdAt: '2026-01-01T00:00:00Z',
    ...nothing,
    verifiers,
    ...changes,
  };
}

const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'OK';
  } catch (error) {
    return error instanceof TrivetError ? error.code : error;
  }
};

describe('secrets', () => {
  it('are compared as a whole', () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        expect(equalSecrets(one, other)).toBe(Buffer.compare(one, other) === 0);
        expect(equalSecrets(one, one.slice())).toBe(true);
      }),
    );
  });

  it('are proved to one worker for one challenge; any bit of it that is changed counts', () => {
    const token = ClientToken.generate();
    const proof = token.proof(CLUSTER_ID, 1, CHALLENGE);
    const shown = { id: token.id, challenge: CHALLENGE, proof };
    const verifier = token.verifier(CLUSTER_ID, 1);
    expect(isProofOf(verifier, shown, CLUSTER_ID, 1)).toBe(true);
    expect(isProofOf(verifier, shown, CLUSTER_ID, 2)).toBe(false);
    expect(isProofOf(verifier, shown, 'ba'.repeat(16), 1)).toBe(false);
    expect(isProofOf(token.verifier(CLUSTER_ID, 2), shown, CLUSTER_ID, 1)).toBe(false);
    expect(isProofOf(verifier, { ...shown, challenge: CHALLENGE.replace('c', 'd') }, CLUSTER_ID, 1)).toBe(
      false,
    );
    expect(isProofOf(verifier, { ...shown, id: 'b'.repeat(16) }, CLUSTER_ID, 1)).toBe(false);
    expect(isProofOf(verifier, { ...shown, proof: proof.slice(2) }, CLUSTER_ID, 1)).toBe(false);
    for (let bit = 0; bit < 256; bit += 1) {
      const bytes = Buffer.from(proof, 'hex');
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(isProofOf(verifier, { ...shown, proof: bytes.toString('hex') }, CLUSTER_ID, 1)).toBe(false);
    }
  });
});

describe('failed attempts', () => {
  it('make an address wait, and are forgotten one by one', () => {
    let now = 0;
    const attempts = new FailedAttempts('alice', () => now);
    for (let i = 0; i < 20; i += 1) {
      expect(codeOf(() => attempts.check('192.0.2.1'))).toBe('OK');
      attempts.failed('192.0.2.1');
    }
    expect(codeOf(() => attempts.check('192.0.2.1'))).toBe('RESOURCE_EXHAUSTED');
    expect(codeOf(() => attempts.check('192.0.2.2'))).toBe('OK');
    now += 3_000;
    expect(codeOf(() => attempts.check('192.0.2.1'))).toBe('OK');
    attempts.failed('192.0.2.1');
    expect(codeOf(() => attempts.check('192.0.2.1'))).toBe('RESOURCE_EXHAUSTED');
    now += 60_000;
    expect(codeOf(() => attempts.check('192.0.2.1'))).toBe('OK');
  });

  it('of one client of a proxy are not counted on the others, and can be told by proxies nearby alone', () => {
    const source = (address: string, forwarded?: string | string[]) =>
      sourceOf({
        address,
        headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded as string },
      });
    const sources = [
      source('10.0.0.1', '198.51.100.7'),
      source('::ffff:10.0.0.1', '192.0.2.9, 198.51.100.7'),
      source('fe80::1%eth0', '198.51.100.7'),
      source('127.0.0.1', '198.51.100.8'),
      source('127.0.0.1'),
    ];
    expect(sources[1]).toBe(sources[0]);
    expect(new Set(sources).size).toBe(4);
    // From elsewhere: whatever is said, the failures are counted on who says it.
    for (const said of [undefined, '198.51.100.7', '10.0.0.1', 'nonsense']) {
      expect(source('203.0.113.5', said)).toBe('203.0.113.5');
      expect(source('2001:db8::1', said)).toBe('2001:db8:0:0');
    }
    expect(source('10.0.0.1', 'nonsense')).toBe('10.0.0.1');
    expect(source('::ffff:192.0.2.1')).toBe(source('192.0.2.1'));
  });

  it('count for a network of version 6 as a whole', () => {
    expect(networkOf('2001:db8:0:1:2:3:4:5')).toBe(networkOf('2001:db8::1:ffff:0:0:1'));
    expect(networkOf('2001:db8:0:1::')).toBe('2001:db8:0:1');
    expect(networkOf('2001:db8:0:2::1')).not.toBe(networkOf('2001:db8:0:1::1'));
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0');
    expect(networkOf('::1')).toBe('0:0:0:0');
  });
});

describe('a rate', () => {
  it('allows its burst, then what has come in since; a request that is refused takes nothing', () => {
    let now = 0;
    const rates = new RateLimits('alice', () => now);
    const token = grant({ rate: { perSecond: 10, burst: 5 } });
    const spend = (count: number) => codeOf(() => rates.spend(token, count));
    expect([spend(3), spend(3), spend(2), spend(1)]).toEqual([
      'OK',
      'RESOURCE_EXHAUSTED',
      'OK',
      'RESOURCE_EXHAUSTED',
    ]);
    now += 100;
    expect([spend(1), spend(1)]).toEqual(['OK', 'RESOURCE_EXHAUSTED']);
    now += 3_600_000;
    expect([spend(6), spend(5), spend(1)]).toEqual(['RESOURCE_EXHAUSTED', 'OK', 'RESOURCE_EXHAUSTED']);
  });

  it('is never exceeded over any stretch of time', () => {
    const steps = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 8 })), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (asked) => {
        let now = 0;
        const rates = new RateLimits('alice', () => now);
        const token = grant({ rate: { perSecond: 20, burst: 8 } });
        let allowed = 0;
        for (const [wait, count] of asked) {
          now += wait;
          if (codeOf(() => rates.spend(token, count)) === 'OK') allowed += count;
          expect(allowed).toBeLessThanOrEqual(8 + (now / 1000) * 20 + 1e-9);
        }
      }),
    );
  });
});

describe('a quota', () => {
  const written: Record<string, number>[] = [];
  const store = {
    writeAccessUse: async (use: Record<string, number>) => void written.push(use),
  } as unknown as ModelStore;
  const open = () => new TokenUse('alice', store, { onUsed: () => {}, onRefused: () => {} });

  it('counts what is reserved, gives back what failed, and is on disk before a reply', async () => {
    const use = open();
    const token = grant({ quota: 10 });
    const check = (count: number, planned: number[] = []) =>
      codeOf(() =>
        use.checkRoom(
          { token, count },
          planned.map((one) => ({ token, count: one })),
        ),
      );
    const first = use.reserve([
      { token, count: 3 },
      { token, count: 4 },
      { token: null, count: 9 },
    ]);
    await first.durable;
    expect(written.at(-1)).toEqual({ [token.id]: 7 });
    expect([check(3), check(4), check(2, [2]), check(1, [2])]).toEqual([
      'OK',
      'RESOURCE_EXHAUSTED',
      'RESOURCE_EXHAUSTED',
      'OK',
    ]);
    first.giveBack();
    first.commit();
    expect([use.of(token.id), check(10)]).toEqual([0, 'OK']);
    const second = use.reserve([{ token, count: 8 }]);
    second.commit();
    second.giveBack();
    expect([use.of(token.id), check(2), check(3)]).toEqual([8, 'OK', 'RESOURCE_EXHAUSTED']);
    use.note([[token.id, 5]]);
    expect(use.of(token.id)).toBe(8);
    use.note([[token.id, 10]]);
    expect(check(1)).toBe('RESOURCE_EXHAUSTED');
    await use.flush();
    expect(written.at(-1)).toEqual({ [token.id]: 10 });
  });

  it('is settled together with the limit of the model', async () => {
    const use = open();
    const token = grant({ quota: 5 });
    const calls: string[] = [];
    const model = {
      durable: Promise.resolve(),
      commit: () => calls.push('commit') > 5,
      giveBack: () => void calls.push('back'),
    };
    expect(joinReservations(model, use.reserve([{ token, count: 2 }])).commit()).toBe(false);
    joinReservations(model, use.reserve([{ token, count: 2 }])).giveBack();
    expect([calls, use.of(token.id)]).toEqual([['commit', 'back'], 2]);
    await use.flush();
  });
});

describe('this machine', () => {
  it('is known by address and name, and not behind a proxy', () => {
    const from = (address: string, host: string, headers = {}) =>
      isFromThisMachine({ address, headers: { host, ...headers } });
    for (const address of ['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1']) {
      expect(from(address, 'localhost:4000')).toBe(true);
    }
    for (const host of ['127.0.0.1', '[::1]:4000', 'LOCALHOST']) expect(from('::1', host)).toBe(true);
    for (const address of ['192.0.2.1', '::2', '::ffff:192.0.2.1', '128.0.0.1', '', 'localhost']) {
      expect(from(address, 'localhost:4000')).toBe(false);
    }
    for (const host of ['', 'example.org', 'localhost.example.org', '127.0.0.1.example.org', '1127.0.0.1']) {
      expect(from('127.0.0.1', host)).toBe(false);
    }
    expect(from('127.0.0.1', 'localhost', { 'x-forwarded-for': '127.0.0.1' })).toBe(false);
    expect(from('127.0.0.1', 'localhost', { via: '1.1 proxy' })).toBe(false);
  });
});
