import { useMemo, useState } from 'react';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { Slider } from '../../components/slider.js';
import type { TracedAnswer } from '../../stores/answer-slice.js';
import styles from './share-adder.module.css';
import { greysOfSum, inputShares } from './words.js';

const WORDS = ['one share: noise', 'two shares: still noise', 'three shares: your digit'] as const;

/** Adds the shares up, one after the other: noise, noise, digit. */
export function ShareAdder({ answer }: { readonly answer: TracedAnswer }) {
  const [count, setCount] = useState(1);
  const { prediction } = answer;
  const values = useMemo(
    () => greysOfSum(inputShares(prediction).slice(0, count), prediction.fixedPoint.fractionalBits),
    [prediction, count],
  );
  return (
    <section className={styles.adder} aria-labelledby="adder-title">
      <PixelCanvas
        width={28}
        height={28}
        values={values}
        label={`The sum of ${WORDS[count - 1]}`}
        className={styles.picture}
      />
      <div className={styles.words}>
        <h2 id="adder-title" className={styles.title}>
          Add the shares up yourself
        </h2>
        <p>
          One share is noise. Two added up are noise, as much as one. Only with the third the digit is there,
          all at once: there is no half-seeing. Each worker holds two.
        </p>
        <Slider
          label="Shares added up"
          min={1}
          max={3}
          step={1}
          value={count}
          onChange={setCount}
          words={(value) => WORDS[value - 1]!}
        />
      </div>
    </section>
  );
}
