/** A worker's and a model's state in a few words. */
import type { WorkerView } from '@trivet/client';
import { revealWords } from '../../components/reveal-words.js';
import type { ModelSummary } from '../../compute/worker/messages.js';

export interface WorkerCondition {
  readonly level: 'connecting' | 'ready' | 'waiting' | 'away';
  /** One or two words. */
  readonly label: string;
}

/** A worker at a glance; what a fault means and what to do about it is in `faults.ts`. */
export function describeWorker({ reachable, status, problem }: WorkerView): WorkerCondition {
  if (!reachable) {
    // It is known why one is away. A first report comes a moment before its connection counts as one.
    return problem === null ? { level: 'connecting', label: 'connecting' } : { level: 'away', label: 'away' };
  }
  return status?.ready === true ? { level: 'ready', label: 'ready' } : { level: 'waiting', label: 'waiting' };
}

const WHO_MAY_ASK: Record<ModelSummary['access'], string> = {
  tokens: '',
  local: ', open to this computer only',
  open: ', open to everybody',
};

/** A model in a few words, for example "mnist v2, 17 of 100 served, open to this computer only". */
export function describeModel(model: ModelSummary): string {
  const { name, version, state, served, requestLimit, access, reveal } = model;
  const title = `${name} v${version}`;
  if (state === 'LOADING') return `${title}, loading`;
  if (state !== 'AVAILABLE') return `${title}, not served`;
  const isOpenTo = WHO_MAY_ASK[access];
  const tells = reveal === 'logits' ? '' : `, tells ${revealWords(reveal)}`;
  if (served === null) return `${title}, served${tells}${isOpenTo}`;
  const limit = requestLimit === null ? '' : ` of ${requestLimit.toLocaleString('en')}`;
  return `${title}, ${served.toLocaleString('en')}${limit} served${tells}${isOpenTo}`;
}
