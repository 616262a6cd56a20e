/**
 * Failed proofs of identity, by where they came from: an address that has failed often has to wait. A token or key cannot
 * be guessed, so this is against load and full logs. Those who prove who they are are not counted, nor those whose token was
 * good once.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { TrivetError } from '@trivet/shared-types';
import type { ConnectionOrigin } from './this-machine.js';

/** Failures that an address may have at once, and how long one counts. */
const MAX_FAILURES = 20;
const FORGET_ONE_MS = 3_000;
const MAX_ADDRESSES = 10_000;

interface Bucket {
  failures: number;
  at: number;
}

export class FailedAttempts {
  /** The one that failed longest ago comes first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly worker: string,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @param source see `sourceOf` @throws TrivetError RESOURCE_EXHAUSTED while it has failed too often */
  check(source: string): void {
    const failures = this.#failures(source);
    if (failures <= MAX_FAILURES - 1) return;
    const seconds = Math.ceil(((failures - (MAX_FAILURES - 1)) * FORGET_ONE_MS) / 1000);
    throw new TrivetError(
      'RESOURCE_EXHAUSTED',
      `There were too many failed attempts from your address; check the token or key, and try again in ${seconds} s.`,
      this.worker,
    );
  }

  failed(source: string): void {
    const failures = Math.min(this.#failures(source) + 1, MAX_FAILURES);
    this.#buckets.delete(source);
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size < MAX_ADDRESSES) break;
      this.#buckets.delete(oldest);
    }
    this.#buckets.set(source, { failures, at: this.now() });
  }

  #failures(source: string): number {
    const bucket = this.#buckets.get(source);
    if (bucket === undefined) return 0;
    const left = bucket.failures - (this.now() - bucket.at) / FORGET_ONE_MS;
    if (left > 0) return left;
    this.#buckets.delete(source);
    return 0;
  }
}

/** Where reverse proxies stand: this machine, and private networks. */
const near = new BlockList();
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
] as const) {
  near.addSubnet(network, bits, 'ipv4');
}
near.addAddress('::1', 'ipv6');
near.addSubnet('fc00::', 7, 'ipv6');
near.addSubnet('fe80::', 10, 'ipv6');

/**
 * Whom a failure is counted on: the network at the other end and, if a proxy may stand there, the last one that it says it
 * is asked from, for else one of its clients could have all the others wait. Both together, so that nobody who connects by
 * another way can have failures counted on a proxy's clients; and only of proxies nearby, for anybody can say anything.
 */
export function sourceOf({ address = '', headers }: ConnectionOrigin): string {
  const network = networkOf(address);
  const plain = isIP(network) === 4 ? network : (address.split('%')[0] ?? '');
  const family = isIP(plain);
  if (family === 0 || !near.check(plain, family === 4 ? 'ipv4' : 'ipv6')) return network;
  const forwarded = [headers['x-forwarded-for']].flat().join().split(',').at(-1)!.trim();
  return isIP(forwarded) === 0 ? network : `${network} for ${networkOf(forwarded)}`;
}

/** One customer of a provider: an IPv4 address, or the 64 bits of an IPv6 network. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address.replace(/^::ffff:/i, '');
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
