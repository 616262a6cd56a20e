import { Link } from 'wouter';
import { workerInkClass } from '../../components/worker-ink.js';
import { useAppStore } from '../../stores/app-store.js';
import { describeWorker, type WorkerCondition } from './describe-worker.js';
import styles from './worker-dots.module.css';

/** What is said in words. On its way to being ready a worker has a hollow dot: words that come and go would move the others. */
const SHOWN: ReadonlySet<WorkerCondition['level']> = new Set(['waiting', 'away']);

/** The three workers at a glance, in the page's head. */
export function WorkerDots() {
  const workers = useAppStore((state) => state.workers);
  return (
    <Link href="/workers" className={styles.dots} aria-label="State of the workers">
      {[0, 1, 2].map((index) => {
        const worker = workers?.[index];
        const condition = worker === undefined ? null : describeWorker(worker);
        const level = condition?.level ?? 'connecting';
        return (
          <span
            key={index}
            className={`${styles.worker} ${workerInkClass(index)}`}
            data-level={level}
            data-testid={`worker-${worker?.name ?? index}`}
          >
            <span className={styles.dot} aria-hidden="true" />
            <span className={styles.name}>{worker?.name ?? '…'}</span>
            <span className={SHOWN.has(level) ? styles.state : 'visually-hidden'}>
              {condition?.label ?? 'connecting'}
            </span>
          </span>
        );
      })}
    </Link>
  );
}
