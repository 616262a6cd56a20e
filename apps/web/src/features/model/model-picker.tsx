import { useCallback, useEffect, useId } from 'react';
import { Button } from '../../components/button.js';
import { FilePicker } from '../../components/file-picker.js';
import type { ModelFile } from '../../compute/model/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './model-picker.module.css';
import { OwnerReport } from './owner-report.js';
import { RevealChoice } from './reveal-choice.js';
import { type OwnerActions, whyNotNow } from './use-owner.js';

/** Picks or takes a dropped model; reads it anew when the range of its inputs or what it reveals changes. */
export function ModelPicker({ owner }: { readonly owner: OwnerActions | null }) {
  const { modelFiles, inspection, ownerBusy, modelOptions, changeOwner } = useAppStore();
  const titleId = useId();
  const { smallest, largest, reveal } = modelOptions;
  const rangeIsGood =
    smallest !== '' &&
    largest !== '' &&
    Number.isFinite(Number(largest)) &&
    Number(smallest) < Number(largest);
  const notNow =
    whyNotNow(owner, ownerBusy) ??
    (rangeIsGood ? null : 'Say first between which numbers the inputs of the model lie.');

  const open = useCallback(
    (files: readonly ModelFile[]) =>
      owner?.inspect(files, { min: Number(smallest), max: Number(largest) }, reveal),
    [owner, smallest, largest, reveal],
  );

  useEffect(() => {
    const outdated = inspection !== null && inspection.reveal !== reveal;
    if (outdated && modelFiles !== null && notNow === null) open(modelFiles);
  }, [inspection, modelFiles, reveal, notNow, open]);

  return (
    <FilePicker
      titleId={titleId}
      files={{ button: 'Open files', label: 'Model files', strong: true }}
      folder={{ button: 'Open a folder', label: 'Model folder' }}
      pasted
      notNow={notNow}
      onFiles={open}
      tools={
        <>
          <label className={styles.number}>
            Inputs from
            <input
              type="number"
              step="any"
              name="range-min"
              value={smallest}
              onChange={({ target }) =>
                changeOwner({ modelOptions: { ...modelOptions, smallest: target.value } })
              }
            />
          </label>
          <label className={styles.number}>
            to
            <input
              type="number"
              step="any"
              name="range-max"
              value={largest}
              onChange={({ target }) =>
                changeOwner({ modelOptions: { ...modelOptions, largest: target.value } })
              }
            />
          </label>
          {modelFiles !== null && (
            <Button disabled={notNow !== null} onClick={() => open(modelFiles)}>
              Read again
            </Button>
          )}
          {!rangeIsGood && (
            <p role="alert" className={styles.problem}>
              The inputs need a smallest and a larger largest number.
            </p>
          )}
        </>
      }
      report={<OwnerReport place="read" />}
    >
      <h2 id={titleId} className={styles.title}>
        1. Choose a model
      </h2>
      <p className={styles.words}>
        A Keras file (<code>.h5</code>, <code>.keras</code>), an ONNX file, a SavedModel folder, or the{' '}
        <code>model.json</code> of TensorFlow.js together with its weights. Drop it here, or open it. It does
        not leave this browser.
      </p>
      <RevealChoice
        value={reveal}
        classes={inspection?.classes ?? null}
        onChange={(chosen) => changeOwner({ modelOptions: { ...modelOptions, reveal: chosen } })}
      />
    </FilePicker>
  );
}
