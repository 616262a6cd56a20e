import { type ChangeEvent, useEffect, useRef, useState } from 'react';
import { Button } from '../../components/button.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './sign-in.module.css';
import type { OwnerActions } from './use-owner.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** The owner's key, and sharing with it. */
export function SignIn({ owner }: { readonly owner: OwnerActions | null }) {
  const { owned, inspection, ownerBusy, uploaded } = useAppStore();
  const [name, setName] = useState('');
  const [takesDigits, setTakesDigits] = useState(true);
  const file = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (inspection === null) return;
    setName(inspection.suggestedName);
    setTakesDigits(inspection.couldTakeDigits);
  }, [inspection]);
  const choose = (event: ChangeEvent<HTMLInputElement>) => {
    const key = event.target.files?.[0];
    if (key) owner?.signIn(key);
    event.target.value = '';
  };
  return (
    <section className={styles.sign} aria-labelledby="sign-title">
      <h2 id="sign-title" className={styles.title}>
        2. Share it
      </h2>
      {owned === null ? (
        <>
          <p className={styles.words}>
            Sharing and serving are the owner’s. Open the file <code>owner.key</code> that{' '}
            <code>trivet init</code> wrote: it stays in this page’s memory, signs here, and is gone when you
            close the page.
          </p>
          <div className={styles.tools}>
            <Button disabled={owner === null || ownerBusy !== null} onClick={() => file.current?.click()}>
              Open the owner key
            </Button>
          </div>
          <input
            ref={file}
            type="file"
            className="visually-hidden"
            tabIndex={-1}
            aria-label="Owner key file"
            onChange={choose}
          />
        </>
      ) : (
        <>
          <p className={styles.words}>The workers know you as the owner of this cluster’s models.</p>
          {inspection === null ? (
            <p className={styles.words}>Choose a model above to share it.</p>
          ) : (
            <form
              className={styles.tools}
              onSubmit={(event) => {
                event.preventDefault();
                owner?.share({ name, takesDigits });
              }}
            >
              <label className={styles.field}>
                Name
                <input
                  value={name}
                  required
                  maxLength={64}
                  pattern={NAME.source}
                  title="1 to 64 letters, digits, “_”, “.” or “-”"
                  onChange={(event) => setName(event.target.value)}
                />
              </label>
              {inspection.couldTakeDigits && (
                <label className={styles.check}>
                  <input
                    type="checkbox"
                    checked={takesDigits}
                    onChange={(event) => setTakesDigits(event.target.checked)}
                  />
                  Takes digits as MNIST’s pictures
                </label>
              )}
              <Button look="strong" type="submit" disabled={ownerBusy !== null || !NAME.test(name)}>
                Share among three workers
              </Button>
              {uploaded !== null && <Button onClick={() => owner?.cancel()}>Cancel</Button>}
            </form>
          )}
          <div className={styles.tools}>
            <Button disabled={ownerBusy !== null} onClick={() => owner?.signOut()}>
              Forget the key
            </Button>
          </div>
        </>
      )}
    </section>
  );
}
