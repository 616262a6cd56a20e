import { Notice } from '../../components/notice.js';
import { ProgressBar } from '../../components/progress-bar.js';
import { Sentence } from '../../components/sentence.js';
import { useAppStore } from '../../stores/app-store.js';
import type { OwnerPlace } from '../../stores/owner-slice.js';
import styles from './owner-report.module.css';

/** What is under way, and what failed, told where it was asked for. */
export function OwnerReport({ place }: { readonly place: OwnerPlace }) {
  const { ownerPlace, ownerBusy, ownerFailure, uploaded } = useAppStore();
  const here = ownerPlace === place;
  return (
    <>
      <div role="status" className={styles.busy}>
        {here && ownerBusy !== null && (
          <>
            <p>{ownerBusy} …</p>
            <ProgressBar value={uploaded} label={ownerBusy} />
          </>
        )}
      </div>
      {here && ownerFailure !== null && (
        <Notice
          tone="alarm"
          title={ownerFailure.worker === null ? 'That did not work' : `${ownerFailure.worker} refused`}
        >
          <Sentence text={ownerFailure.message} />
        </Notice>
      )}
    </>
  );
}
