import type { WorkerView } from '@trivet/client';
import { formatBytes, formatDuration, formatMilliseconds } from '../../components/format.js';
import { workerInkClass } from '../../components/worker-ink.js';
import type { ModelSummary } from '../../compute/worker/messages.js';
import { describeWorker, type WorkerCondition } from './describe-worker.js';
import styles from './worker-cards.module.css';

interface WorkerCardsProps {
  readonly workers: readonly WorkerView[] | null;
  readonly models: readonly ModelSummary[];
}

const UNKNOWN: WorkerCondition = { level: 'connecting', label: 'connecting' };

/** One card a worker. */
export function WorkerCards({ workers, models }: WorkerCardsProps) {
  return (
    <section aria-label="The three workers">
      <p className="visually-hidden" role="status">
        {announcement(workers)}
      </p>
      <ul className={styles.workers}>
        {([0, 1, 2] as const).map((index) => (
          <WorkerCard key={index} index={index} worker={workers?.[index] ?? null} models={models} />
        ))}
      </ul>
    </section>
  );
}

interface WorkerCardProps {
  readonly index: 0 | 1 | 2;
  /** Null before its first report: the card takes its place, so that nothing moves when it comes. */
  readonly worker: WorkerView | null;
  readonly models: readonly ModelSummary[];
}

function WorkerCard({ index: position, worker, models }: WorkerCardProps) {
  const { level, label } = worker === null ? UNKNOWN : describeWorker(worker);
  const operation = worker?.status?.operation ?? null;
  const protocols = [...new Set(models.map((model) => model.protocol))];
  return (
    <li
      className={`${styles.worker} ${workerInkClass(position)}`}
      data-level={level}
      data-testid={`card-${worker?.name ?? position}`}
    >
      <div className={styles.who}>
        <h2 className={styles.name}>{worker?.name ?? '…'}</h2>
        <span className={styles.state}>{label}</span>
      </div>
      <dl className={styles.facts} data-stale={worker?.reachable !== true}>
        {[0, 1].map((index) => {
          const peer = operation?.peers[index];
          return <Fact key={index} name={`to ${peer?.name ?? '…'}`} value={peer && linkWords(peer)} />;
        })}
        <Fact name="served" value={operation?.servedTotal.toLocaleString('en')} />
        <Fact name="waiting" value={operation?.queueLength.toLocaleString('en')} />
        <Fact name="sent" value={operation ? formatBytes(operation.bytesSentTotal) : undefined} />
        <Fact name="memory" value={operation ? formatBytes(operation.memoryBytes) : undefined} />
        <Fact name="up for" value={operation ? formatDuration(operation.uptimeSeconds) : undefined} />
        <Fact name="version" value={operation?.version} />
        <Fact name="protocol" value={protocols.join(', ') || undefined} />
      </dl>
      <p className={styles.address}>{worker?.url ?? 'looking for its address'}</p>
    </li>
  );
}

function linkWords(peer: { readonly connected: boolean; readonly roundTripMs: number | null }): string {
  if (!peer.connected) return 'lost';
  return peer.roundTripMs === null ? 'connected' : formatMilliseconds(peer.roundTripMs);
}

/** The state of all three in a sentence that changes only when a state does. */
function announcement(workers: readonly WorkerView[] | null): string {
  const described = (workers ?? []).map((worker) => ({ name: worker.name, ...describeWorker(worker) }));
  const missing = described.filter(({ level }) => level !== 'ready');
  if (workers === null) return 'Connecting to the workers';
  if (missing.length === 0) return 'All three workers are ready';
  return missing.map(({ name, label }) => `${name} is ${label}`).join(', ');
}

function Fact({ name, value }: { readonly name: string; readonly value: string | undefined }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{value ?? '–'}</dd>
    </div>
  );
}
