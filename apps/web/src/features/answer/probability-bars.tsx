import { formatProbability } from '../../components/format.js';
import styles from './probability-bars.module.css';

interface ProbabilityBarsProps {
  /** One per class, or null before the first answer. */
  readonly probabilities: readonly number[] | null;
  readonly winner: number | null;
}

/** The ten probabilities. A list for screen readers, upright bars for eyes. */
export function ProbabilityBars({ probabilities, winner }: ProbabilityBarsProps) {
  return (
    <ol className={styles.bars} aria-label="Probability of each digit">
      {Array.from({ length: 10 }, (_, digit) => {
        const probability = probabilities?.[digit] ?? 0;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its digit
          <li key={digit} className={styles.bar} data-winner={digit === winner}>
            <span className={styles.track} aria-hidden="true">
              <span className={styles.fill} style={{ transform: `scaleY(${probability})` }} />
            </span>
            <span className={styles.digit}>{digit}</span>
            <span className="visually-hidden">
              {probabilities === null ? 'not known yet' : formatProbability(probability)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
