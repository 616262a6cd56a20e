import { Link } from 'wouter';
import { PageTitle } from '../../components/page-title.js';
import { AnswerPanel } from '../answer/answer-panel.js';
import { SharesPanel } from '../shares/shares-panel.js';
import styles from './draw-page.module.css';
import { DrawPanel } from './draw-panel.js';
import { SampleStrip } from './sample-strip.js';
import { Trust } from './trust.js';

export default function DrawPage() {
  return (
    <>
      <PageTitle
        documentTitle="A digit that nobody else sees"
        title={
          <>
            Draw a digit. Three computers read it. <em>None of them sees it.</em>
          </>
        }
      >
        This page splits your drawing into random shares. Three workers compute on them and never join them;
        only their replies, added up here, give the answer. <Link href="/see">See how it happens</Link>
      </PageTitle>
      <div className={styles.stage}>
        <DrawPanel />
        <SampleStrip />
        <AnswerPanel />
        <SharesPanel />
      </div>
      <Trust />
    </>
  );
}
