import { useMemo } from 'react';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { useMedia } from '../../components/use-media.js';
import type { BatchPictures } from '../../compute/batch/messages.js';
import styles from './contact-sheet.module.css';

const ROWS = 3;
const CELL = 28;

/** The first pictures, as the model will see them: one canvas for all of them. */
export function ContactSheet({ pictures }: { readonly pictures: BatchPictures }) {
  const columns = useMedia('(max-width: 760px)') ? 14 : 40;
  const shown = Math.min(pictures.count, columns * ROWS);
  const rows = Math.ceil(shown / columns);
  const values = useMemo(() => {
    const sheet = new Uint8Array(columns * CELL * rows * CELL);
    for (let picture = 0; picture < shown; picture++) {
      const left = (picture % columns) * CELL;
      const top = Math.floor(picture / columns) * CELL;
      for (let y = 0; y < CELL; y++) {
        const from = picture * CELL * CELL + y * CELL;
        sheet.set(pictures.pixels.subarray(from, from + CELL), (top + y) * columns * CELL + left);
      }
    }
    return sheet;
  }, [pictures, shown, rows, columns]);
  return (
    <PixelCanvas
      width={columns * CELL}
      height={rows * CELL}
      values={values}
      label={`The first ${shown} pictures, as the model will see them`}
      className={styles.sheet}
    />
  );
}
