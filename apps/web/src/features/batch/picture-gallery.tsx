import { useEffect, useState } from 'react';
import { Button } from '../../components/button.js';
import { formatProbability } from '../../components/format.js';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import type { BatchPictures } from '../../compute/batch/messages.js';
import type { BatchResults } from '../../stores/batch-slice.js';
import styles from './picture-gallery.module.css';

interface PictureGalleryProps {
  readonly title: string;
  readonly indices: readonly number[];
  readonly pictures: BatchPictures;
  readonly results: BatchResults;
  /** Said when there is none. */
  readonly empty: string;
  /** Shows all again, where a choice was made; else null. */
  readonly onShowAll: (() => void) | null;
}

const AT_ONCE = 36;

/** Pictures with what they were read as and what they are. */
export function PictureGallery({ title, indices, pictures, results, empty, onShowAll }: PictureGalleryProps) {
  const [shown, setShown] = useState(AT_ONCE);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another choice starts from the top
  useEffect(() => setShown(AT_ONCE), [title, pictures]);
  return (
    <section aria-labelledby="gallery-title" className={styles.gallery}>
      <div className={styles.head}>
        <h2 id="gallery-title" className={styles.title}>
          {title} <span className={styles.count}>{indices.length.toLocaleString('en')}</span>
        </h2>
        {onShowAll !== null && <Button onClick={onShowAll}>Show all mistakes</Button>}
      </div>
      {indices.length === 0 ? (
        <p className={styles.empty}>{empty}</p>
      ) : (
        <ul className={styles.list}>
          {indices.slice(0, shown).map((index) => (
            <li key={index} className={styles.item} data-testid="mistake">
              <PixelCanvas
                width={28}
                height={28}
                values={pictures.pixels.subarray(784 * index, 784 * (index + 1))}
                label={null}
                className={styles.picture}
              />
              <p>
                read as <b>{results.classes[index]}</b>, is <b>{pictures.labels?.[index]}</b>
              </p>
              <p className={styles.sure}>
                {!Number.isNaN(results.confidences[index]) && (
                  <>
                    {formatProbability(results.confidences[index]!)} sure
                    <br />
                  </>
                )}
                {pictures.names?.[index] ?? `number ${index}`}
              </p>
            </li>
          ))}
        </ul>
      )}
      {shown < indices.length && <Button onClick={() => setShown(shown + AT_ONCE)}>Show more</Button>}
    </section>
  );
}
