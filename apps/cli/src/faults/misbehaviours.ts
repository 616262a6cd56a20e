/** Ways in which a worker that holds the right keys can fail to keep to the protocol. */
import { fileURLToPath } from 'node:url';

/**
 * `payloads`: data frames of the right length full of noise, which only the client can tell from shares, when it adds up; `lengths`, `kinds` and
 * `steps`: frames that cannot be right.
 */
export const MISBEHAVIOURS = ['payloads', 'lengths', 'kinds', 'steps'] as const;
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

/** The built module; this file's folder is two below the package, in src and in dist. */
const MODULE = fileURLToPath(new URL('../../dist/faults/misbehaving-worker.js', import.meta.url));

/** Arguments of Node.js for a worker that misbehaves. */
export function misbehaving(mode: Misbehaviour, seed: number): readonly string[] {
  return ['--import', `file://${MODULE}?mode=${mode}&seed=${seed}`];
}
