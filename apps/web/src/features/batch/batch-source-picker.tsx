import { useCallback, useId, useState } from 'react';
import { Button } from '../../components/button.js';
import { FilePicker } from '../../components/file-picker.js';
import { ProgressBar } from '../../components/progress-bar.js';
import type { BatchFile } from '../../compute/batch/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { Choice } from '../settings/choice.js';
import styles from './batch-source-picker.module.css';
import type { BatchActions } from './use-batch.js';

const COUNTS = [
  ['100', '100'],
  ['1000', '1,000'],
  ['10000', 'all 10,000'],
] as const;

/** Where the pictures come from: the MNIST test set, or files of one's own. */
export function BatchSourcePicker({ batch }: { readonly batch: BatchActions | null }) {
  const [count, setCount] = useState<(typeof COUNTS)[number][0]>('1000');
  const ownTitle = useId();
  const phase = useAppStore((state) => state.batchPhase);
  const reading = useAppStore((state) => state.batchReading);
  const notNow = whyNotNow(phase, batch);
  const read = useCallback((files: readonly BatchFile[]) => batch?.read({ kind: 'files', files }), [batch]);

  return (
    <section className={styles.sources} aria-label="Pictures to read">
      <div className={styles.source}>
        <h2 className={styles.title}>The MNIST test set</h2>
        <p>Ten thousand digits that the model was not trained on, with their labels.</p>
        <Choice legend="How many" options={COUNTS} value={count} onChange={setCount} />
        <Button
          look="strong"
          disabled={notNow !== null}
          onClick={() => batch?.read({ kind: 'mnist', count: Number(count) })}
        >
          Load test digits
        </Button>
      </div>
      <FilePicker
        titleId={ownTitle}
        files={{ button: 'Open files', label: 'Picture or IDX files' }}
        folder={{ button: 'Open a folder', label: 'Folder of pictures' }}
        pasted
        notNow={notNow}
        onFiles={read}
      >
        <h2 id={ownTitle} className={styles.title}>
          Your own pictures
        </h2>
        <p>
          Photos or scans of single digits, a sheet of many, or IDX files. Drop them here, paste them, or open
          them. Folders named 0 to 9 label what is in them.
        </p>
      </FilePicker>
      {phase === 'reading' && (
        <div className={styles.reading}>
          <ProgressBar
            value={reading === null ? null : reading.read / Math.max(1, reading.of)}
            label="Reading pictures"
          />
          <Button onClick={() => batch?.cancel()}>Cancel</Button>
        </div>
      )}
    </section>
  );
}

function whyNotNow(phase: string, batch: BatchActions | null): string | null {
  if (batch === null) return 'This page is still starting.';
  if (phase === 'reading') return 'Other pictures are being read: wait for them, or cancel.';
  return phase === 'running' ? 'A run is under way: wait for it, or cancel it.' : null;
}
