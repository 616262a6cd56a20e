import { useEffect, useState } from 'react';
import { Notice } from '../../components/notice.js';
import { Sentence } from '../../components/sentence.js';
import styles from './fault-list.module.css';
import type { Fault } from './faults.js';

interface FaultListProps {
  /** Null before each worker was heard of, or is known to be away. */
  readonly faults: readonly Fault[] | null;
}

/**
 * What is wrong, in a row that is always there: a fault that comes while somebody reads moves nothing. What it means and
 * what to do is open where it was known before this page was, and else a click away.
 */
export function FaultList({ faults }: FaultListProps) {
  const some = faults !== null && faults.length > 0;
  const [open, setOpen] = useState(some);
  useEffect(() => {
    if (!some) setOpen(false);
  }, [some]);
  return (
    <div role="status">
      {some ? (
        <details
          className={styles.wrong}
          data-severity={faults.some(({ severity }) => severity === 'stops') ? 'stops' : 'slows'}
          open={open}
          onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
        >
          <summary className={styles.row}>
            <span className={styles.what}>{titleOf(faults)}</span>
            <span className={styles.more}>What to do</span>
          </summary>
          <ul className={styles.faults} aria-label="What is wrong">
            {faults.map(({ id, severity, title, means, todo }) => (
              <li key={id} data-testid="fault">
                <Notice tone={severity === 'stops' ? 'alarm' : 'calm'} title={title}>
                  <p>
                    <Sentence text={means} />
                  </p>
                  <p className={styles.todo}>
                    <b>What to do:</b> <Sentence text={todo} />
                  </p>
                </Notice>
              </li>
            ))}
          </ul>
        </details>
      ) : (
        <p className={styles.row}>{faults === null ? 'Asking them how they are …' : 'Nothing is wrong.'}</p>
      )}
    </div>
  );
}

function titleOf(faults: readonly Fault[]): string {
  const [first] = faults;
  return faults.length === 1 ? first!.title : `${faults.length} faults: ${first!.title}, …`;
}
