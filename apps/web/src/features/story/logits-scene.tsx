import { formatProbability } from '../../components/format.js';
import type { SceneProps } from './scene-props.js';
import styles from './scenes.module.css';
import { outputsOfSummands } from './transcript.js';

/** The sums of the three replies, and what they say. */
export function LogitsScene({ answer, progress }: SceneProps) {
  const { views, fixedPoint, probabilities, classes } = answer.prediction;
  // Added up again from the bytes of the replies.
  const logits = outputsOfSummands(
    views.map((view) => view.summands),
    fixedPoint,
  );
  if (probabilities === null) {
    return (
      <div className={styles.classes} style={{ opacity: progress }}>
        <ol aria-label="Digits, the best first">
          {logits.map((digit) => (
            <li key={digit} data-winner={digit === classes[0]}>
              {digit}
            </li>
          ))}
        </ol>
        <p className={styles.under}>No score was among the numbers that came back.</p>
      </div>
    );
  }
  const low = Math.min(...logits);
  const span = Math.max(...logits) - low || 1;
  return (
    <ol className={styles.logits} aria-label="Score of each digit">
      {logits.map((logit, digit) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a score is its digit's
        <li key={digit} data-winner={digit === classes[0]}>
          <b>{digit}</b>
          <span className={styles.scale} aria-hidden="true">
            <span
              style={{
                transform: `scaleX(${(progress * (0.02 + (0.98 * (logit - low)) / span)).toFixed(4)})`,
              }}
            />
          </span>
          <span>{logit.toFixed(4)}</span>
          <span className={styles.probability}>{formatProbability(probabilities[digit]!)}</span>
        </li>
      ))}
    </ol>
  );
}
