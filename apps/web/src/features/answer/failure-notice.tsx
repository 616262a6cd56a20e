import type { ErrorBody } from '@trivet/shared-types';
import { Button } from '../../components/button.js';
import { Sentence } from '../../components/sentence.js';
import styles from './failure-notice.module.css';

interface FailureNoticeProps {
  readonly failure: ErrorBody;
  readonly onRetry: () => void;
}

/** Why there is no answer, who says so, and a way on. */
export function FailureNotice({ failure, onRetry }: FailureNoticeProps) {
  return (
    <div className={styles.notice} role="alert">
      <p className={styles.title}>{titleOf(failure)}</p>
      <p className={styles.message}>
        <Sentence text={failure.message} />
      </p>
      <div className={styles.actions}>
        <Button look="strong" onClick={onRetry}>
          Try again
        </Button>
        <span className={styles.hint}>{hintOf(failure)}</span>
      </div>
    </div>
  );
}

function titleOf({ code, worker }: ErrorBody): string {
  if (code === 'UNAVAILABLE') return worker === null ? 'The workers are away' : `${worker} is away`;
  if (code === 'DEADLINE_EXCEEDED') return `${worker ?? 'The answer'} took too long`;
  if (code === 'RESOURCE_EXHAUSTED') return `${worker ?? 'A worker'} is busy`;
  return worker === null ? 'No answer' : `${worker} refused`;
}

function hintOf({ code }: ErrorBody): string {
  if (code === 'UNAUTHENTICATED' || code === 'PERMISSION_DENIED') {
    return 'Put the token that you were given into the settings of this page, above.';
  }
  return code === 'UNAVAILABLE' || code === 'ABORTED'
    ? 'This page asks again by itself when all three are back.'
    : 'Your digit is still here.';
}
