import { type ChangeEvent, type DragEvent, useEffect, useRef, useState } from 'react';
import { Button } from '../../components/button.js';
import { droppedFiles, filesOf } from '../../components/dropped-files.js';
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
  const [dropping, setDropping] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const phase = useAppStore((state) => state.batchPhase);
  const reading = useAppStore((state) => state.batchReading);
  const busy = phase === 'reading' || phase === 'running' || batch === null;

  // React knows no such attribute.
  useEffect(() => folder.current?.setAttribute('webkitdirectory', ''), []);

  const open = (chosen: readonly BatchFile[]) => {
    if (chosen.length > 0) batch?.read({ kind: 'files', files: chosen });
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    open(filesOf(event.target.files));
    // So that the same files can be chosen again.
    event.target.value = '';
  };
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    if (!busy) open(await droppedFiles(event.dataTransfer));
  };

  return (
    <section className={styles.sources} aria-label="Pictures to read">
      <div className={styles.source}>
        <h2 className={styles.title}>The MNIST test set</h2>
        <p>Ten thousand digits that the model was not trained on, with their labels.</p>
        <Choice legend="How many" options={COUNTS} value={count} onChange={setCount} />
        <Button
          look="strong"
          disabled={busy}
          onClick={() => batch?.read({ kind: 'mnist', count: Number(count) })}
        >
          Load test digits
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping has buttons beside it */}
      <div
        className={styles.source}
        data-dropping={dropping}
        onDragOver={(event) => {
          event.preventDefault();
          setDropping(true);
        }}
        onDragLeave={() => setDropping(false)}
        onDrop={(event) => void drop(event)}
      >
        <h2 className={styles.title}>Your own pictures</h2>
        <p>
          Photos or scans of single digits, a sheet of many, or IDX files. Drop them here, or open them.
          Folders named 0 to 9 label what is in them.
        </p>
        <div className={styles.buttons}>
          <Button disabled={busy} onClick={() => files.current?.click()}>
            Open files
          </Button>
          <Button disabled={busy} onClick={() => folder.current?.click()}>
            Open a folder
          </Button>
        </div>
        <input
          ref={files}
          type="file"
          multiple
          className="visually-hidden"
          tabIndex={-1}
          aria-label="Picture or IDX files"
          onChange={choose}
        />
        <input
          ref={folder}
          type="file"
          multiple
          className="visually-hidden"
          tabIndex={-1}
          aria-label="Folder of pictures"
          onChange={choose}
        />
      </div>
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
