import { formatMilliseconds } from '../../components/format.js';
import type { Answer } from '../../stores/answer-slice.js';
import styles from './stage-times.module.css';

/** What each stage of the last answer took. */
export function StageTimes({ answer }: { readonly answer: Answer | null }) {
  const timings = answer?.prediction.timings;
  const stages: readonly (readonly [name: string, milliseconds: number | null | undefined])[] = [
    ['Prepare', answer?.digit.prepareMs],
    ['Share', timings?.shareMs],
    ['Workers', timings?.networkMs],
    ['Add up', timings?.reconstructMs],
  ];
  return (
    <dl className={styles.stages} aria-label="Time of each stage">
      {stages.map(([name, milliseconds]) => (
        <div key={name} className={styles.stage}>
          <dt>{name}</dt>
          <dd>{timeOf(milliseconds)}</dd>
        </div>
      ))}
    </dl>
  );
}

function timeOf(milliseconds: number | null | undefined): string {
  if (milliseconds === undefined) return '–';
  return milliseconds === null ? 'skipped' : formatMilliseconds(milliseconds);
}
