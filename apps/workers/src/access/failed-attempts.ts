/**
 * Failed proofs of identity, by where they came from: an address that has failed often has to wait. A token or key cannot
 * be guessed, so this is against load and full logs. Those who prove who they are are not counted, nor those whose token was
 * good once.
 */
import { isIPv6 } from 'node:net';
import { TrivetError } from '@trivet/shared-types';

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

  /** @throws TrivetError RESOURCE_EXHAUSTED while the address has failed too often */
  check(address: string): void {
    const failures = this.#failures(networkOf(address));
    if (failures <= MAX_FAILURES - 1) return;
    const seconds = Math.ceil(((failures - (MAX_FAILURES - 1)) * FORGET_ONE_MS) / 1000);
    throw new TrivetError(
      'RESOURCE_EXHAUSTED',
      `There were too many failed attempts from your address; check the token or key, and try again in ${seconds} s.`,
      this.worker,
    );
  }

  failed(address: string): void {
    const network = networkOf(address);
    const failures = Math.min(this.#failures(network) + 1, MAX_FAILURES);
    this.#buckets.delete(network);
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size < MAX_ADDRESSES) break;
      this.#buckets.delete(oldest);
    }
    this.#buckets.set(network, { failures, at: this.now() });
  }

  #failures(network: string): number {
    const bucket = this.#buckets.get(network);
    if (bucket === undefined) return 0;
    const left = bucket.failures - (this.now() - bucket.at) / FORGET_ONE_MS;
    if (left > 0) return left;
    this.#buckets.delete(network);
    return 0;
  }
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
