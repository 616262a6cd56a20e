import { useMemo } from 'react';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import type { BatchPictures } from '../../compute/batch/messages.js';
import styles from './contact-sheet.module.css';

const COLUMNS = 40;
const ROWS = 3;
const CELL = 28;

/** The first pictures, as the model will see them: one canvas for all of them. */
export function ContactSheet({ pictures }: { readonly pictures: BatchPictures }) {
  const shown = Math.min(pictures.count, COLUMNS * ROWS);
  const rows = Math.ceil(shown / COLUMNS);
  const values = useMemo(() => {
    const sheet = new Uint8Array(COLUMNS * CELL * rows * CELL);
    for (let picture = 0; picture < shown; picture++) {
      const left = (picture % COLUMNS) * CELL;
      const top = Math.floor(picture / COLUMNS) * CELL;
      for (let y = 0; y < CELL; y++) {
        const from = picture * CELL * CELL + y * CELL;
        sheet.set(pictures.pixels.subarray(from, from + CELL), (top + y) * COLUMNS * CELL + left);
      }
    }
    return sheet;
  }, [pictures, shown, rows]);
  return (
    <PixelCanvas
      width={COLUMNS * CELL}
      height={rows * CELL}
      values={values}
      label={`The first ${shown} pictures, as the model will see them`}
      className={styles.sheet}
    />
  );
}
