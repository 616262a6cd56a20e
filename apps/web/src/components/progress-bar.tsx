import { Progress } from '@base-ui/react/progress';
import styles from './progress-bar.module.css';

interface ProgressBarProps {
  /** 0 to 1, or null while nobody knows. */
  readonly value: number | null;
  readonly label: string;
  /** What a screen reader says of the value. */
  readonly valueText?: string;
}

export function ProgressBar({ value, label, valueText }: ProgressBarProps) {
  return (
    <Progress.Root
      value={value}
      max={1}
      aria-label={label}
      {...(valueText === undefined ? {} : { getAriaValueText: () => valueText })}
    >
      <Progress.Track className={styles.track}>
        <Progress.Indicator className={styles.indicator} />
      </Progress.Track>
    </Progress.Root>
  );
}
