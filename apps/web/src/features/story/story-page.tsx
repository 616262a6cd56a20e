import { Link } from 'wouter';
import { useShallow } from 'zustand/react/shallow';
import { Button } from '../../components/button.js';
import { Icon } from '../../components/icons.js';
import { PageTitle } from '../../components/page-title.js';
import { saveFile } from '../../components/save-file.js';
import { useAppStore } from '../../stores/app-store.js';
import { FailureNotice } from '../answer/failure-notice.js';
import { SampleStrip } from '../draw/sample-strip.js';
import { ShareAdder } from './share-adder.js';
import styles from './story-page.module.css';
import { StoryPlayer } from './story-player.js';
import { transcriptOf } from './transcript.js';
import { WorkerViews } from './worker-views.js';

/** The way of one digit, from the very bytes of the last request. */
export default function StoryPage() {
  const {
    traced: answer,
    phase,
    failure,
    askAgain,
  } = useAppStore(
    useShallow(({ traced, phase, failure, askAgain }) => ({ traced, phase, failure, askAgain })),
  );
  const save = () => {
    if (answer !== null) {
      saveFile(
        `trivet-transcript-${answer.prediction.requestId.slice(0, 8)}.json`,
        transcriptOf(answer, new Date()),
      );
    }
  };
  return (
    <>
      <PageTitle title="The way of a digit" documentTitle="See it">
        What happened to your last digit, drawn from the very bytes that left this browser and came back.
      </PageTitle>
      {phase === 'failed' && failure !== null && <FailureNotice failure={failure} onRetry={askAgain} />}
      {answer === null ? (
        <div className={styles.empty}>
          <p>
            There is no digit yet. <Link href="/">Draw one</Link>, or take one of these:
          </p>
          <SampleStrip />
        </div>
      ) : (
        <div className={styles.page}>
          <StoryPlayer answer={answer} />
          <ShareAdder answer={answer} />
          <WorkerViews answer={answer} />
          <section aria-labelledby="transcript-title" className={styles.transcript}>
            <h2 id="transcript-title" className={styles.subtitle}>
              Keep it
            </h2>
            <p>
              The transcript of this request holds the picture, the three shares, each message and each reply,
              byte for byte. With it the sums can be checked by anybody, so whoever has the file can read the
              digit.
            </p>
            <div className={styles.buttons}>
              <Button look="strong" onClick={save}>
                <Icon name="download" />
                Save the transcript
              </Button>
              <Button onClick={askAgain} disabled={phase === 'running'}>
                Ask again with fresh shares
              </Button>
            </div>
          </section>
          <SampleStrip />
        </div>
      )}
    </>
  );
}
