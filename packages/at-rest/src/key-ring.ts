/**
 * The keys that seal and open: a ring of 32-byte keys, the first of which seals while all of them open, or a passphrase.
 * A passphrase becomes a key by scrypt (RFC 7914) with N = 2^17, r = 8, p = 1: 128 MiB and some tenths of a second a guess,
 * what OWASP's password storage cheat sheet asks for.
 */
import { createHash, randomBytes, type ScryptOptions, scrypt } from 'node:crypto';
import { withHidden } from '@trivet/shared-types';
import { SealError } from './seal-error.js';

export const KEY_BYTES = 32;
export const KEY_ID_BYTES = 8;
export const PASSPHRASE_SALT_BYTES = 16;

export interface ScryptParameters {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}
export const SCRYPT: ScryptParameters = { logN: 17, r: 8, p: 1 };
/** What a header may ask of this machine: at most 256 MiB. */
const SCRYPT_LIMITS = { minLogN: 14, maxLogN: 18, r: 8, maxP: 4 };

/** How a passphrase became the key of a file; null: the key was no passphrase. */
export type Derivation = (ScryptParameters & { readonly salt: Buffer }) | null;

export interface SealingKey {
  readonly key: Buffer;
  readonly derivation: Derivation;
}

export function generateKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** A hash of the key, in hex, which tells a wrong key from a damaged file and says nothing about the key. */
export function keyId(key: Uint8Array): string {
  const hash = createHash('sha256').update('trivet key id v2\n').update(key).digest('hex');
  return hash.slice(0, 2 * KEY_ID_BYTES);
}

export class KeyRing {
  readonly #keys: readonly Buffer[];
  readonly #passphrase: Buffer | null;
  /** By salt and parameters. */
  readonly #derived = new Map<string, Promise<Buffer>>();
  #sealing: Derivation = null;

  private constructor(keys: readonly Buffer[], passphrase: Buffer | null) {
    this.#keys = keys;
    this.#passphrase = passphrase;
  }

  /** @param keys 32 bytes each, at least one; the first seals */
  static ofKeys(keys: readonly Buffer[]): KeyRing {
    if (keys.length === 0 || keys.some((key) => key.length !== KEY_BYTES)) {
      throw new Error(`A key ring has keys of ${KEY_BYTES} bytes.`);
    }
    return new KeyRing(keys, null);
  }

  static ofPassphrase(passphrase: Buffer): KeyRing {
    return new KeyRing([], passphrase);
  }

  /** Ids of the keys, the sealing one first; of a passphrase none is known before a file is opened. */
  get ids(): readonly string[] {
    return this.#keys.map(keyId);
  }

  /** Whether this is the id of the key that seals; of a passphrase every key seals. */
  isCurrent(id: string): boolean {
    return this.#passphrase !== null || this.ids[0] === id;
  }

  async sealingKey(): Promise<SealingKey> {
    const [first] = this.#keys;
    if (first !== undefined) return withHidden({ derivation: null }, { key: first });
    this.#sealing ??= { ...SCRYPT, salt: randomBytes(PASSPHRASE_SALT_BYTES) };
    return withHidden({ derivation: this.#sealing }, { key: await this.#derive(this.#sealing) });
  }

  /** The key with this id. @throws SealError WRONG_KEY, UNKNOWN_FORMAT */
  async openingKey(id: string, derivation: Derivation, file: string): Promise<Buffer> {
    if (derivation !== null && this.#passphrase !== null) {
      checkParameters(derivation, file);
      const key = await this.#derive(derivation);
      if (keyId(key) !== id) {
        throw new SealError('WRONG_KEY', `The file ${file} is encrypted with another passphrase.`);
      }
      // One derivation serves for what is sealed next, too.
      this.#sealing ??= derivation;
      return key;
    }
    if (derivation !== null) {
      throw new SealError('WRONG_KEY', `The file ${file} is encrypted with a passphrase, not with a key.`);
    }
    const key = this.#keys.find((one) => keyId(one) === id);
    if (key !== undefined) return key;
    const given =
      this.#passphrase !== null ? 'a passphrase was given' : `the key ${this.ids.join(', ')} was given`;
    throw new SealError('WRONG_KEY', `The file ${file} is encrypted with the key ${id}, and ${given}.`);
  }

  #derive(derivation: NonNullable<Derivation>): Promise<Buffer> {
    const { logN, r, p, salt } = derivation;
    const name = `${logN}.${r}.${p}.${salt.toString('hex')}`;
    let derived = this.#derived.get(name);
    if (derived === undefined) {
      const N = 2 ** logN;
      derived = scryptKey(this.#passphrase!, salt, { N, r, p, maxmem: 256 * N * r });
      this.#derived.set(name, derived);
    }
    return derived;
  }
}

function checkParameters({ logN, r, p }: ScryptParameters, file: string): void {
  const { minLogN, maxLogN, maxP } = SCRYPT_LIMITS;
  if (logN >= minLogN && logN <= maxLogN && r === SCRYPT_LIMITS.r && p >= 1 && p <= maxP) return;
  throw new SealError('UNKNOWN_FORMAT', `The file ${file} asks for scrypt parameters that are not allowed.`);
}

function scryptKey(passphrase: Buffer, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
