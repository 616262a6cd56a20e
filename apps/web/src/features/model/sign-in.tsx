import { useCallback, useEffect, useId, useState } from 'react';
import { Button } from '../../components/button.js';
import type { PickedFile } from '../../components/dropped-files.js';
import { FilePicker } from '../../components/file-picker.js';
import { revealWords } from '../../components/reveal-words.js';
import type { ModelInspection } from '../../compute/model/messages.js';
import { useAppStore } from '../../stores/app-store.js';
import { OwnerReport } from './owner-report.js';
import styles from './sign-in.module.css';
import { type OwnerActions, whyNotNow } from './use-owner.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** The owner's key, and sharing with it. */
export function SignIn({ owner }: { readonly owner: OwnerActions | null }) {
  const { owned, inspection, ownerBusy } = useAppStore();
  const titleId = useId();
  const signIn = useCallback(([key]: readonly PickedFile[]) => key && owner?.signIn(key.file), [owner]);
  const title = (
    <h2 id={titleId} className={styles.title}>
      2. Share it
    </h2>
  );
  if (owned === null) {
    return (
      <FilePicker
        titleId={titleId}
        files={{ button: 'Open the owner key', label: 'Owner key file' }}
        folder={null}
        pasted={false}
        notNow={whyNotNow(owner, ownerBusy)}
        onFiles={signIn}
        report={<OwnerReport place="share" />}
      >
        {title}
        <p className={styles.words}>
          Sharing and serving are the owner’s. Open the file <code>owner.key</code> that{' '}
          <code>trivet init</code> wrote, or drop it here: it stays in this page’s memory, signs here, and is
          gone when you close the page.
        </p>
      </FilePicker>
    );
  }
  return (
    <section className={styles.sign} aria-labelledby={titleId}>
      {title}
      <p className={styles.words}>The workers know you as the owner of this cluster’s models.</p>
      {inspection === null ? (
        <p className={styles.words}>Choose a model above to share it.</p>
      ) : (
        <ShareForm owner={owner} inspection={inspection} />
      )}
      <OwnerReport place="share" />
      <div className={styles.tools}>
        <Button disabled={ownerBusy !== null} onClick={() => owner?.signOut()}>
          Forget the key
        </Button>
      </div>
    </section>
  );
}

interface ShareFormProps {
  readonly owner: OwnerActions | null;
  readonly inspection: ModelInspection;
}

function ShareForm({ owner, inspection }: ShareFormProps) {
  const { ownerBusy, uploaded, modelOptions } = useAppStore();
  const { suggestedName, couldTakeDigits, reveal } = inspection;
  const [name, setName] = useState(suggestedName);
  const [takesDigits, setTakesDigits] = useState(couldTakeDigits);
  useEffect(() => setName(suggestedName), [suggestedName]);
  useEffect(() => setTakesDigits(couldTakeDigits), [couldTakeDigits]);
  // What is chosen above is shared, or nothing: not what was read before.
  const current = reveal === modelOptions.reveal;
  return (
    <form
      className={styles.tools}
      onSubmit={(event) => {
        event.preventDefault();
        if (current) owner?.share({ name, takesDigits });
      }}
    >
      <label className={styles.field}>
        Name
        <input
          name="model-name"
          value={name}
          required
          maxLength={64}
          pattern={NAME.source}
          title="1 to 64 letters, digits, “_”, “.” or “-”"
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      {couldTakeDigits && (
        <label className={styles.check}>
          <input
            name="takes-digits"
            type="checkbox"
            checked={takesDigits}
            onChange={(event) => setTakesDigits(event.target.checked)}
          />
          Takes digits as MNIST’s pictures
        </label>
      )}
      <p className={styles.words} data-testid="will-reveal">
        Clients will receive {revealWords(reveal)}.
      </p>
      <Button look="strong" type="submit" disabled={!current || ownerBusy !== null || !NAME.test(name)}>
        Share among three workers
      </Button>
      {uploaded !== null && <Button onClick={() => owner?.cancel()}>Cancel</Button>}
    </form>
  );
}
