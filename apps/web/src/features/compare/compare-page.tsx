import { Button } from '../../components/button.js';
import { PageTitle } from '../../components/page-title.js';
import { PixelCanvas } from '../../components/pixel-canvas.js';
import { revealWords } from '../../components/reveal-words.js';
import type { ModelSummary } from '../../compute/worker/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { selectAllReady, selectModel } from '../../stores/workers-slice.js';
import { SampleStrip } from '../draw/sample-strip.js';
import styles from './compare-page.module.css';
import { ComparisonTable } from './comparison-table.js';
import { useComparison } from './use-comparison.js';
import { WhatIf } from './what-if.js';

/** The same digit in the clear and under each protocol. */
export default function ComparePage() {
  const { running, run, cancel } = useComparison();
  const comparison = useAppStore((state) => state.comparison);
  const digit = useAppStore((state) => state.digit);
  const model = useAppStore(selectModel);
  const ready = useAppStore(selectAllReady);
  const measured = (comparison?.results ?? []).flatMap((result) => ('failure' in result ? [] : [result]));
  return (
    <>
      <PageTitle title="What secrecy costs" documentTitle="Compare">
        One digit, asked in the clear in this browser and under each protocol that the workers run: the
        answers, how far they differ, and what they cost in time, rounds and bytes.
      </PageTitle>
      <div className={styles.page}>
        <section className={styles.digit} aria-label="The digit to compare">
          <PixelCanvas
            width={28}
            height={28}
            values={digit?.pixels ?? null}
            label={digit === null ? 'No digit yet' : 'The digit to compare'}
            className={styles.picture}
          />
          <div className={styles.tools}>
            <p className={styles.words} role="status">
              {digit === null
                ? 'Draw a digit on the first page, or take one below.'
                : running !== null
                  ? `Measuring ${running} …`
                  : model === null || !ready
                    ? 'Waiting for three workers that serve a model which reads digits.'
                    : `Asks ${model.name} v${model.version} seven times under each protocol.${tells(model)}`}
            </p>
            <div className={styles.buttons}>
              <Button
                look="strong"
                disabled={digit === null || model === null || !ready || running !== null}
                onClick={() => digit !== null && model !== null && run(model, digit.pixels)}
              >
                {comparison === null ? 'Compare' : 'Compare again'}
              </Button>
              {running !== null && <Button onClick={cancel}>Cancel</Button>}
            </div>
          </div>
        </section>
        <SampleStrip />
        {comparison !== null && <ComparisonTable comparison={comparison} />}
        {comparison !== null && measured.length > 0 && (
          <WhatIf results={measured} roundTripMs={comparison.roundTripMs} />
        )}
      </div>
    </>
  );
}

/** Of a model that reveals classes only: why no logit can be compared. */
function tells({ reveal }: ModelSummary): string {
  return reveal === 'logits'
    ? ''
    : ` It tells ${revealWords(reveal)}: the answers are compared, not the scores.`;
}
