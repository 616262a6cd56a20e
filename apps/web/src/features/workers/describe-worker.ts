/** What a worker's report means for the person at the page, and what to do about it. */
import type { WorkerView } from '@trivet/client';
import type { ModelSummary } from '../../compute/worker/messages.js';

export interface WorkerCondition {
  readonly level: 'connecting' | 'ready' | 'waiting' | 'away';
  /** One or two words. */
  readonly label: string;
  /** A sentence with what to do, or null when there is nothing to do. */
  readonly advice: string | null;
}

export function describeWorker(worker: WorkerView): WorkerCondition {
  const { name, reachable, status, problem } = worker;
  if (!reachable) {
    if (status === null && problem === 'Connecting.') {
      return { level: 'connecting', label: 'connecting', advice: null };
    }
    return {
      level: 'away',
      label: 'away',
      advice: `${problem ?? `Worker "${name}" cannot be reached.`} Start it with \`trivet worker --config ${name}.json\`; this page notices by itself.`,
    };
  }
  if (status?.ready === true) return { level: 'ready', label: 'ready', advice: null };
  const lost = (status?.peers ?? []).filter((peer) => !peer.connected).map((peer) => peer.name);
  return {
    level: 'waiting',
    label: 'waiting',
    advice:
      lost.length > 0
        ? `${name} has lost ${lost.join(' and ')} and waits for ${lost.length > 1 ? 'them' : 'it'} to come back.`
        : `${name} is getting ready.`,
  };
}

/** A model in a few words, for example "mnist v2, 17 of 100 served". */
export function describeModel({ name, version, state, served, requestLimit }: ModelSummary): string {
  const title = `${name} v${version}`;
  if (state === 'LOADING') return `${title}, loading`;
  if (state !== 'AVAILABLE') return `${title}, not served`;
  const limit = requestLimit === null ? '' : ` of ${requestLimit.toLocaleString('en')}`;
  return `${title}, ${served.toLocaleString('en')}${limit} served`;
}
