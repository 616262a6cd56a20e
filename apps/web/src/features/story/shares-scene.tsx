import { useMemo } from 'react';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { workerInkClass } from '../../components/worker-ink.js';
import { inkPixels, pixelAt } from './ink-walk.js';
import type { SceneProps } from './scene-props.js';
import styles from './scenes.module.css';
import { greysOfSum, hexWord, inputShares, sumWords, wordAt } from './words.js';

/** The three shares as pictures, and one pixel's three numbers with their sum. */
export function SharesScene({ answer, progress }: SceneProps) {
  const { prediction, digit } = answer;
  const { fractionalBits } = prediction.fixedPoint;
  const shares = useMemo(() => inputShares(prediction), [prediction]);
  const pictures = useMemo(
    () => shares.map((share) => greysOfSum([share], fractionalBits)),
    [shares, fractionalBits],
  );
  const walk = useMemo(() => inkPixels(digit.pixels), [digit]);
  const index = pixelAt(walk, progress);
  const words = shares.map((share) => wordAt(share, index));
  return (
    <div className={styles.shares}>
      <ul className={styles.three}>
        {pictures.map((picture, share) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a share is its index
          <li key={share} className={workerInkClass(share)}>
            <div className={styles.framed}>
              <PixelCanvas
                width={28}
                height={28}
                values={picture}
                label={`Share ${share + 1}: noise`}
                className={styles.inked}
              />
              <span
                className={styles.frame}
                style={{
                  left: `${((index % 28) / 28) * 100}%`,
                  top: `${(Math.floor(index / 28) / 28) * 100}%`,
                }}
              />
            </div>
            <p className={styles.under}>{share < 2 ? 'drawn by lot' : 'what is missing'}</p>
          </li>
        ))}
      </ul>
      <div className={styles.sum}>
        {words.map((word, share) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a share is its index
          <p key={share}>
            <span className={styles.sign}>{share === 0 ? '' : '+'}</span> <code>{hexWord(word)}</code>
          </p>
        ))}
        <p className={styles.total}>
          <span className={styles.sign}>=</span> <code>{hexWord(sumWords(words))}</code>
        </p>
        <p className={styles.under}>
          this pixel’s whole number, in base 16; what is carried beyond 2⁶⁴ falls away
        </p>
      </div>
    </div>
  );
}
