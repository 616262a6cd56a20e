import { useShallow } from 'zustand/react/shallow';
import { Button } from '../../components/button.js';
import { formatDuration } from '../../components/format.js';
import { ProgressBar } from '../../components/progress-bar.js';
import { useAppStore } from '../../stores/app-store.js';
import { selectAllReady } from '../../stores/workers-slice.js';
import styles from './batch-progress.module.css';
import type { BatchActions } from './use-batch.js';

interface BatchProgressProps {
  readonly batch: BatchActions | null;
  /** Name of the model to ask, or null when none is served. */
  readonly model: string | null;
}

/** Start, how far, how fast, how long yet, and cancel. */
export function BatchProgress({ batch, model }: BatchProgressProps) {
  const { batchPhase, batchPictures, batchDone, batchElapsedMs } = useAppStore(
    useShallow(({ batchPhase, batchPictures, batchDone, batchElapsedMs }) => {
      return { batchPhase, batchPictures, batchDone, batchElapsedMs };
    }),
  );
  const ready = useAppStore(selectAllReady);
  if (batchPictures === null) return null;
  const total = batchPictures.count;
  const running = batchPhase === 'running';
  const perSecond = batchElapsedMs === 0 ? 0 : batchDone / (batchElapsedMs / 1000);
  const left = perSecond === 0 ? null : Math.ceil((total - batchDone) / perSecond);
  return (
    <section className={styles.progress} aria-label="Run">
      <div className={styles.buttons}>
        {running ? (
          <Button look="strong" onClick={() => batch?.cancel()}>
            Cancel
          </Button>
        ) : (
          <Button
            look="strong"
            disabled={batch === null || model === null || !ready}
            onClick={() => model !== null && batch?.run(model)}
          >
            {batchDone > 0 ? 'Run again' : 'Classify privately'}
          </Button>
        )}
        <p className={styles.why} role="status">
          {running || (ready && model !== null)
            ? ''
            : 'Waiting for three workers that serve a model which reads digits.'}
          {batchPhase === 'cancelled' && `Cancelled after ${batchDone.toLocaleString('en')} pictures.`}
          {batchPhase === 'done' && 'Done.'}
        </p>
      </div>
      <ProgressBar
        value={batchDone / total}
        label="Pictures classified"
        valueText={`${batchDone} of ${total} pictures`}
      />
      <dl className={styles.facts}>
        <Fact
          name="Classified"
          value={`${batchDone.toLocaleString('en')} of ${total.toLocaleString('en')}`}
        />
        <Fact name="Speed" value={perSecond === 0 ? '–' : `${perSecond.toFixed(0)} a second`} />
        <Fact name="Time" value={batchElapsedMs === 0 ? '–' : `${(batchElapsedMs / 1000).toFixed(1)} s`} />
        <Fact name="Left" value={running && left !== null ? formatDuration(left) : '–'} />
      </dl>
    </section>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
