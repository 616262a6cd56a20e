import { formatBytes, formatDuration, formatMilliseconds } from '../../components/format.js';
import { Sentence } from '../../components/sentence.js';
import { workerInkClass } from '../../components/worker-ink.js';
import { useAppStore } from '../../stores/app-store.js';
import { describeWorker } from './describe-worker.js';
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
          {models.length === 0
            ? 'No model is shared yet.'
            : models
                .map(
                  (model) =>
                    `${model.name} v${model.version}, ${model.state === 'SERVING' ? `${model.served.toLocaleString('en')} served${model.requestLimit === null ? '' : ` of ${model.requestLimit.toLocaleString('en')}`}` : 'not served'}`,
                )
                .join(' · ')}
        </p>
      </div>
      <ul className={styles.workers} aria-live="polite">
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

function Fact({ name, value }: { readonly name: string; readonly value: string | undefined }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>{value ?? '–'}</dd>
    </div>
  );
}
