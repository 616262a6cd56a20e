import { type ChangeEvent, type DragEvent, useEffect, useRef, useState } from 'react';
import { Button } from '../../components/button.js';
import { droppedFiles, filesOf } from '../../components/dropped-files.js';
import type { ModelFile } from '../../compute/model/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './model-picker.module.css';
import type { OwnerActions } from './use-owner.js';

/** Picks or takes a dropped model; reads it anew when the range of its inputs changes. */
export function ModelPicker({ owner }: { readonly owner: OwnerActions | null }) {
  const { modelFiles, ownerBusy } = useAppStore();
  const [range, setRange] = useState({ min: '0', max: '1' });
  const [dropping, setDropping] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const inputRange = { min: Number(range.min), max: Number(range.max) };
  const rangeIsGood =
    range.min !== '' &&
    range.max !== '' &&
    Number.isFinite(inputRange.min) &&
    inputRange.min < inputRange.max;
  const disabled = owner === null || ownerBusy !== null || !rangeIsGood;

  // React knows no such attribute.
  useEffect(() => folder.current?.setAttribute('webkitdirectory', ''), []);

  const open = (chosen: readonly ModelFile[]) => {
    if (chosen.length > 0 && !disabled) owner?.inspect(chosen, inputRange);
  };
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    open(filesOf(event.target.files));
    event.target.value = '';
  };
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    open(await droppedFiles(event.dataTransfer));
  };

  return (
    <section
      className={styles.picker}
      aria-labelledby="picker-title"
      data-dropping={dropping}
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={(event) => void drop(event)}
    >
      <h2 id="picker-title" className={styles.title}>
        1. Choose a model
      </h2>
      <p className={styles.words}>
        A Keras file (<code>.h5</code>, <code>.keras</code>), an ONNX file, a SavedModel folder, or the{' '}
        <code>model.json</code> of TensorFlow.js together with its weights. Drop it here, or open it. It does
        not leave this browser.
      </p>
      <div className={styles.tools}>
        <Button look="strong" disabled={disabled} onClick={() => files.current?.click()}>
          Open files
        </Button>
        <Button disabled={disabled} onClick={() => folder.current?.click()}>
          Open a folder
        </Button>
        <label className={styles.number}>
          Inputs from
          <input
            type="number"
            step="any"
            value={range.min}
            onChange={(event) => setRange({ ...range, min: event.target.value })}
          />
        </label>
        <label className={styles.number}>
          to
          <input
            type="number"
            step="any"
            value={range.max}
            onChange={(event) => setRange({ ...range, max: event.target.value })}
          />
        </label>
        {modelFiles !== null && (
          <Button disabled={disabled} onClick={() => open(modelFiles)}>
            Read again
          </Button>
        )}
      </div>
      {!rangeIsGood && (
        <p role="alert" className={styles.problem}>
          The inputs need a smallest and a larger largest number.
        </p>
      )}
      <input
        ref={files}
        type="file"
        multiple
        className="visually-hidden"
        tabIndex={-1}
        aria-label="Model files"
        onChange={choose}
      />
      <input
        ref={folder}
        type="file"
        multiple
        className="visually-hidden"
        tabIndex={-1}
        aria-label="Model folder"
        onChange={choose}
      />
    </section>
  );
}
