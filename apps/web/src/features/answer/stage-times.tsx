import { formatMilliseconds } from '../../components/format.js';
import type { Answer } from '../../stores/answer-slice.js';
import styles from './stage-times.module.css';

/** What each stage of the last answer took, as a table. */
export function StageTimes({ answer }: { readonly answer: Answer | null }) {
  const timings = answer?.prediction.timings;
  const stages: readonly (readonly [string, number | undefined])[] = [
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
          <dd>{milliseconds === undefined ? '–' : formatMilliseconds(milliseconds)}</dd>
        </div>
      ))}
    </dl>
  );
}
