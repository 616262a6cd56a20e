import { useMemo } from 'react';
import { formatBytes, formatMilliseconds } from '../../components/format.js';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { workerInkClass } from '../../components/worker-ink.js';
import type { MessageView } from '../../compute/worker/messages.js';
import type { TracedAnswer } from '../../stores/answer-slice.js';
import { formsOf, NOISE_EXTENT, noisePicture } from '../shares/noise-picture.js';
import styles from './worker-views.module.css';

/** What each of the three has of the request, next to each other. */
export function WorkerViews({ answer }: { readonly answer: TracedAnswer }) {
  const { views, workers } = answer.prediction;
  return (
    <section aria-labelledby="views-title">
      <h2 id="views-title" className={styles.title}>
        What each worker saw
      </h2>
      <ul className={styles.views}>
        {views.map((view, index) => {
          const { rounds, bytesSent, bytesReceived, computeMs } = workers[index]!;
          return (
            <li key={view.name} className={`${styles.view} ${workerInkClass(index)}`}>
              <h3 className={styles.name}>{view.name}</h3>
              <Noise view={view} />
              <dl className={styles.facts}>
                <div>
                  <dt>was sent</dt>
                  <dd>
                    {formatBytes(view.messageBytes)}: {formsOf(view.shares)}
                  </dd>
                </div>
                <div>
                  <dt>waited for messages</dt>
                  <dd>{rounds === 0 ? 'never: it deals ahead' : `${rounds} times`}</dd>
                </div>
                <div>
                  <dt>told the others</dt>
                  <dd>{formatBytes(bytesSent)}</dd>
                </div>
                <div>
                  <dt>was told</dt>
                  <dd>{bytesReceived === 0 ? 'nothing' : `${formatBytes(bytesReceived)}, masked`}</dd>
                </div>
                <div>
                  <dt>took</dt>
                  <dd>{formatMilliseconds(computeMs)}</dd>
                </div>
                <div>
                  <dt>replied</dt>
                  <dd>{formatBytes(view.received.length)}</dd>
                </div>
              </dl>
            </li>
          );
        })}
      </ul>
      <p className={styles.learned}>
        <b>Each of them learned</b> which model, when, and how many digits. <b>None of them learned</b> the
        digit, the answer, or the model’s weights.
      </p>
    </section>
  );
}

function Noise({ view }: { readonly view: MessageView }) {
  const values = useMemo(() => noisePicture(view.shares), [view]);
  return (
    <PixelCanvas
      width={NOISE_EXTENT}
      height={NOISE_EXTENT}
      values={values}
      label={`The bytes that ${view.name} holds: noise`}
      className={styles.noise}
    />
  );
}
