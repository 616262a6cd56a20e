import { workerInkClass } from '../../components/worker-ink.js';
import type { SceneProps } from './scene-props.js';
import styles from './scenes.module.css';
import { hexWord, wordAt } from './words.js';

/** The numbers that each worker answered with: ten, or fewer where the model reveals classes only. */
export function RepliesScene({ answer, progress }: SceneProps) {
  const { views } = answer.prediction;
  const outputs = views[0].summands.length / 8;
  const shown = Math.ceil(progress * outputs);
  return (
    <ul className={styles.replies}>
      {views.map((view, index) => (
        <li key={view.name} className={workerInkClass(index)}>
          <h3 className={styles.replier}>{view.name}</h3>
          <ol>
            {Array.from({ length: outputs }, (_, output) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a summand is its digit's
              <li key={output} style={{ opacity: output < shown ? 1 : 0 }}>
                <code>{hexWord(wordAt(view.summands, output))}</code>
              </li>
            ))}
          </ol>
        </li>
      ))}
    </ul>
  );
}
