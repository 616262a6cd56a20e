import { PixelCanvas } from '../../components/pixel-canvas.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './sample-strip.module.css';
import { SAMPLES } from './samples.js';

/** Real test digits to try instead of drawing. */
export function SampleStrip() {
  const chosen = useAppStore(({ source }) => (source.kind === 'sample' ? source.index : null));
  const { showSource } = useAppStore.getState();
  return (
    <section className={styles.strip} aria-labelledby="samples-title">
      <h2 id="samples-title" className={styles.title}>
        Or take a handwritten one <span className={styles.origin}>from the MNIST test set</span>
      </h2>
      <ul className={styles.list}>
        {SAMPLES.map((sample) => (
          <li key={sample.index}>
            <button
              type="button"
              className={styles.sample}
              aria-pressed={sample.index === chosen}
              aria-label={`A handwritten ${sample.label}, number ${sample.index} of the test set`}
              onClick={() => showSource({ kind: 'sample', ...sample })}
            >
              <PixelCanvas
                width={28}
                height={28}
                values={sample.pixels}
                label={null}
                className={styles.picture}
              />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
