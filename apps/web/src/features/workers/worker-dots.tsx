import { Link } from 'wouter';
import { workerInkClass } from '../../components/worker-ink.js';
import { useAppStore } from '../../stores/app-store.js';
import { describeWorker } from './describe-worker.js';
import styles from './worker-dots.module.css';

/** The three workers at a glance, in the page's head. */
export function WorkerDots() {
  const workers = useAppStore((state) => state.workers);
  return (
    <Link href="/workers" className={styles.dots} aria-label="State of the workers">
      {[0, 1, 2].map((index) => {
        const worker = workers?.[index];
        const condition = worker === undefined ? null : describeWorker(worker);
        return (
          <span
            key={index}
            className={`${styles.worker} ${workerInkClass(index)}`}
            data-level={condition?.level ?? 'connecting'}
            data-testid={`worker-${worker?.name ?? index}`}
          >
            <span className={styles.dot} aria-hidden="true" />
            <span className={styles.name}>{worker?.name ?? '…'}</span>
            <span className={condition?.level === 'ready' ? 'visually-hidden' : styles.state}>
              {condition?.label ?? 'connecting'}
            </span>
          </span>
        );
      })}
    </Link>
  );
}
