/**
 * Client tokens: what whoever asks for predictions has to show. A token is 32 random bytes, made by the model's owner and
 * known to its holder; no worker ever sees it. What a worker is shown is derived for that worker alone, so that none of
 * the three can pose as the holder at the other two:
 *
 *     id          = the first 8 bytes of SHA-256("trivet token id v1\n" ‖ token)
 *     key_i       = HMAC-SHA-256(token, "trivet token key v1\n" ‖ clusterId ‖ "\n" ‖ i)         the holder has it
 *     verifier_i  = SHA-256(key_i)                                                             worker i has it
 *     proof       = key_i XOR HMAC-SHA-256(verifier_i, "trivet token proof v1\n" ‖ clusterId ‖ "\n" ‖ i ‖ "\n" ‖ id ‖
 *                   "\n" ‖ challenge)                                                          sent to worker i
 *
 * The worker takes the mask off with its verifier and hashes what is left. This is SCRAM's exchange (RFC 5802, section 3;
 * ClientKey, StoredKey and ClientProof there). Whoever reads a proof on its way, but not the verifier, learns nothing that
 * is good for another challenge. SCRAM's salted, slow hash is for passwords: 256 random bits cannot be guessed, however
 * fast the hash.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { randomBytes } from '@noble/hashes/utils.js';
import { bytesToHex, hexToBytes, utf8ToBytes } from './bytes.js';
import { TrivetError } from './errors.js';

const TOKEN_BYTES = 32;
const ID_BYTES = 8;
/** So that scanners for secrets know one when they see it. */
const PREFIX = 'trivet_';
const TOKEN_PATTERN = new RegExp(`^${PREFIX}([0-9a-f]{${2 * TOKEN_BYTES}})$`);
const ID_CONTEXT = 'trivet token id v1\n';
const KEY_CONTEXT = 'trivet token key v1\n';
const PROOF_CONTEXT = 'trivet token proof v1\n';

/** A token as its holder uses it. Its secret part shows in no text that is made of it. */
export class ClientToken {
  /** Hex; it may be shown and sent. */
  readonly id: string;
  readonly #secret: Uint8Array;

  private constructor(secret: Uint8Array) {
    this.#secret = secret;
    this.id = bytesToHex(sha256(concat(utf8ToBytes(ID_CONTEXT), secret)).subarray(0, ID_BYTES));
  }

  /** A fresh one, from the platform's secure random source. */
  static generate(): ClientToken {
    return new ClientToken(randomBytes(TOKEN_BYTES));
  }

  /**
   * @param text as `reveal` gives it; white space around it is of no account
   * @throws TrivetError INVALID_ARGUMENT, which does not repeat the text
   */
  static parse(text: string): ClientToken {
    const [, secret] = TOKEN_PATTERN.exec(text.trim()) ?? [];
    if (secret === undefined) {
      throw new TrivetError(
        'INVALID_ARGUMENT',
        `This is no client token: one is "${PREFIX}" and ${2 * TOKEN_BYTES} characters, as \`trivet tokens create\` prints it.`,
      );
    }
    return new ClientToken(hexToBytes(secret));
  }

  /** The token itself, for its holder alone. */
  reveal(): string {
    return PREFIX + bytesToHex(this.#secret);
  }

  /** What worker `workerIndex` keeps, hex. */
  verifier(clusterId: string, workerIndex: number): string {
    return bytesToHex(sha256(this.#key(clusterId, workerIndex)));
  }

  /** What worker `workerIndex` is sent, hex: good for this challenge, at this worker. */
  proof(clusterId: string, workerIndex: number, challenge: string): string {
    const key = this.#key(clusterId, workerIndex);
    const mask = hmac(sha256, sha256(key), tokenProofMessage(clusterId, workerIndex, this.id, challenge));
    return bytesToHex(key.map((byte, index) => byte ^ mask[index]!));
  }

  toString(): string {
    return `[client token ${this.id}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  #key(clusterId: string, workerIndex: number): Uint8Array {
    return hmac(sha256, this.#secret, utf8ToBytes(`${KEY_CONTEXT}${clusterId}\n${workerIndex}`));
  }
}

/** What a proof's mask is made from, beside the verifier. */
export function tokenProofMessage(
  clusterId: string,
  workerIndex: number,
  id: string,
  challenge: string,
): Uint8Array {
  return utf8ToBytes(`${PROOF_CONTEXT}${clusterId}\n${workerIndex}\n${id}\n${challenge}`);
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
