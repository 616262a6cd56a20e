import { useMemo } from 'react';
import { formatBytes } from '../../components/format.js';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { workerInkClass } from '../../components/worker-ink.js';
import type { MessageView } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { formsOf, NOISE_EXTENT, noisePicture } from './noise-picture.js';
import styles from './shares-panel.module.css';

/** What each worker was sent in the last prediction, byte for byte. */
export function SharesPanel() {
  const prediction = useAppStore((state) => state.traced?.prediction ?? null);
  const workers = useAppStore((state) => state.workers);
  return (
    <section className={styles.panel} aria-labelledby="shares-title">
      <h2 id="shares-title" className={styles.title}>
        They see noise
      </h2>
      <ul className={styles.workers}>
        {[0, 1, 2].map((index) => {
          const view = prediction?.views[index] ?? null;
          const worker = workers?.[index] ?? null;
          const report = prediction?.workers[index];
          return (
            <li key={index} className={`${styles.worker} ${workerInkClass(index)}`}>
              <NoisePicture view={view} name={worker?.name ?? 'the worker'} />
              <div className={styles.words}>
                <h3 className={styles.name}>{worker?.name ?? '…'}</h3>
                {view === null || report === undefined ? (
                  <p>nothing sent yet</p>
                ) : (
                  <>
                    <p>
                      was sent <b>{formatBytes(view.messageBytes)}</b>
                      <span className={styles.more}>: {formsOf(view.shares)}</span>
                    </p>
                    <p className={styles.more}>
                      told the others <b>{formatBytes(report.bytesSent)}</b>
                    </p>
                  </>
                )}
              </div>
            </li>
          );
        })}
      </ul>
      <p className={styles.why}>
        Every dot is one byte: all 12,544 of the two shares that a worker holds, seeds unrolled. Each of them
        is a fresh random number, so every such picture is equally likely whatever you draw.
      </p>
    </section>
  );
}

function NoisePicture({ view, name }: { readonly view: MessageView | null; readonly name: string }) {
  const values = useMemo(() => (view === null ? null : noisePicture(view.shares)), [view]);
  return (
    <PixelCanvas
      width={NOISE_EXTENT}
      height={NOISE_EXTENT}
      values={values}
      label={view === null ? `Nothing was sent to ${name} yet` : `The bytes sent to ${name}: noise`}
      className={view === null ? `${styles.noise} ${styles.blank}` : styles.noise}
    />
  );
}
