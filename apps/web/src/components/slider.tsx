import { Slider as Base } from '@base-ui/react/slider';
import styles from './slider.module.css';

interface SliderProps {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly onChange: (value: number) => void;
  /** The value in words, beside the label and for screen readers. */
  readonly words: (value: number) => string;
}

export function Slider({ label, min, max, step, value, onChange, words }: SliderProps) {
  return (
    <Base.Root
      className={styles.slider}
      min={min}
      max={max}
      step={step}
      value={value}
      onValueChange={(changed) => onChange(changed)}
    >
      <div className={styles.words}>
        <span className={styles.label}>{label}</span>
        <output className={styles.value}>{words(value)}</output>
      </div>
      <Base.Control className={styles.control}>
        <Base.Track className={styles.track}>
          <Base.Indicator className={styles.indicator} />
          <Base.Thumb
            className={styles.thumb}
            getAriaLabel={() => label}
            getAriaValueText={(_, current) => words(current)}
          />
        </Base.Track>
      </Base.Control>
    </Base.Root>
  );
}
