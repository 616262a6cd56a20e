import { formatProbability } from '../../components/format.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './glance.module.css';

/**
 * The answer beside the pad where the panel that has all of it is further down: on a phone. That one is read out; this
 * one is for eyes.
 */
export function Glance() {
  const prediction =
    useAppStore((state) => (state.phase === 'failed' ? null : state.answer?.prediction)) ?? null;
  const outdated = useAppStore(({ answer, digit, phase }) => phase !== 'idle' || answer?.digit !== digit);
  if (prediction === null) return null;
  const winner = prediction.classes[0]!;
  const probability = prediction.reveal === 'logits' ? prediction.probabilities?.[winner] : undefined;
  return (
    <p className={styles.glance} data-outdated={outdated} aria-hidden="true">
      <b>{winner}</b>
      {probability !== undefined && formatProbability(probability)}
    </p>
  );
}
