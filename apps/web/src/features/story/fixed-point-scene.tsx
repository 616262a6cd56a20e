import { useMemo } from 'react';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { inkPixels, pixelAt } from './ink-walk.js';
import type { SceneProps } from './scene-props.js';
import styles from './scenes.module.css';
import { inputShares, sumWords, wordAt } from './words.js';

/** Pixel, part of one, whole number: for one pixel after the other. */
export function FixedPointScene({ answer, progress }: SceneProps) {
  const { prediction, digit } = answer;
  const { fractionalBits } = prediction.fixedPoint;
  const walk = useMemo(() => inkPixels(digit.pixels), [digit]);
  const index = pixelAt(walk, progress);
  const grey = digit.pixels[index]!;
  // What was really shared, not what should have been.
  const word = sumWords(inputShares(prediction).map((bytes) => wordAt(bytes, index)));
  const part = Number(word) / 2 ** fractionalBits;
  return (
    <div className={styles.split}>
      <div className={styles.framed}>
        <PixelCanvas width={28} height={28} values={digit.pixels} label={null} className={styles.large} />
        <span
          className={styles.frame}
          style={{ left: `${((index % 28) / 28) * 100}%`, top: `${(Math.floor(index / 28) / 28) * 100}%` }}
        />
      </div>
      <dl className={styles.chain}>
        <div>
          <dt>grey value of this pixel, 0 to 255</dt>
          <dd>{grey}</dd>
        </div>
        <div>
          <dt>as a part of one</dt>
          <dd>{part.toFixed(6)}</dd>
        </div>
        <div>
          <dt>
            times 2<sup>{fractionalBits}</sup>, rounded: a whole number
          </dt>
          <dd>{word.toLocaleString('en')}</dd>
        </div>
      </dl>
    </div>
  );
}
