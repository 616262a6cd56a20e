import type { WorkerView } from '@trivet/client';
import { formatBytes, formatDuration, formatMilliseconds } from '../../components/format.js';
import { Sentence } from '../../components/sentence.js';
import { workerInkClass } from '../../components/worker-ink.js';
import { useAppStore } from '../../stores/app-store.js';
import { describeModel, describeWorker } from './describe-worker.js';
import styles from './workers-panel.module.css';

/** The three workers, live. */
export function WorkersPanel() {
  const workers = useAppStore((state) => state.workers);
  const models = useAppStore((state) => state.models);
  return (
    <section id="workers" className={styles.panel} aria-labelledby="workers-title">
      <div className={styles.head}>
        <h2 id="workers-title" className={styles.title}>
          The three workers
        </h2>
        <p className={styles.models}>
          {models.length === 0 ? 'No model is shared yet.' : models.map(describeModel).join(' · ')}
        </p>
      </div>
      <p className="visually-hidden" role="status">
        {announcement(workers)}
      </p>
      <ul className={styles.workers}>
        {(workers ?? []).map((worker) => {
          const { level, label, advice } = describeWorker(worker);
          const { status } = worker;
          return (
            <li
              key={worker.index}
              className={`${styles.worker} ${workerInkClass(worker.index)}`}
              data-level={level}
              data-testid={`worker-${worker.name}`}
            >
              <div className={styles.who}>
                <h3 className={styles.name}>{worker.name}</h3>
                <span className={styles.state}>{label}</span>
              </div>
              {advice !== null && (
                <p className={styles.advice}>
                  <Sentence text={advice} />
                </p>
              )}
              <dl className={styles.facts} data-stale={!worker.reachable}>
                {status?.peers.map((peer) => (
                  <Fact
                    key={peer.name}
                    name={`to ${peer.name}`}
                    value={
                      peer.connected
                        ? peer.roundTripMs === null
                          ? 'connected'
                          : formatMilliseconds(peer.roundTripMs)
                        : 'lost'
                    }
                  />
                ))}
                <Fact name="served" value={status?.servedTotal.toLocaleString('en')} />
                <Fact name="sent" value={status ? formatBytes(status.bytesSentTotal) : undefined} />
                <Fact name="memory" value={status ? formatBytes(status.memoryBytes) : undefined} />
                <Fact name="up for" value={status ? formatDuration(status.uptimeSeconds) : undefined} />
              </dl>
              <p className={styles.address}>{worker.url}</p>
            </li>
          );
        })}
      </ul>
    </section>
  );
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
