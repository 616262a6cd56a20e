import styles from './worker-ink.module.css';

/** The class that sets `--worker-ink` for the worker with this index. */
export function workerInkClass(index: number): string {
  return [styles.ink0, styles.ink1, styles.ink2][index] ?? '';
}
