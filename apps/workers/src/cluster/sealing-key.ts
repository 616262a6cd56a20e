/**
 * A worker's key for sealed messages, made where the worker runs: then nobody but its operator has ever had it, and only its
 * public part goes to the owner of the cluster, who signs it.
 */
import { exists, readSecretText, writeAtomically } from '@trivet/at-rest';
import { generateSealingKeys, hexSchema, parseStrict, sealingPublicKey } from '@trivet/shared-types';

export interface SealingKeyFile {
  /** P-256, an uncompressed point, hex. */
  readonly publicKey: string;
  /** Whether there was none before. */
  readonly isNew: boolean;
}

/**
 * The key in a file; a new one, which only its owner may read, where there is no file.
 * @throws TrivetError INVALID_ARGUMENT when the file holds no key, FAILED_PRECONDITION when others may read it
 */
export async function keepOrMakeSealingKey(file: string): Promise<SealingKeyFile> {
  if (await exists(file)) {
    const text = (await readSecretText(file)).trim();
    const secretKey = parseStrict(hexSchema(32), text, `The key file ${file}`);
    return { publicKey: sealingPublicKey(secretKey), isNew: false };
  }
  const { secretKey, publicKey } = generateSealingKeys();
  await writeAtomically(file, (write) => write(Buffer.from(`${secretKey}\n`)));
  return { publicKey, isNew: true };
}
