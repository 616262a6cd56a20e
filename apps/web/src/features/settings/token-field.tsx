import { type FormEvent, useId, useState } from 'react';
import { useEngine } from '../../app/engine-context.js';
import { Button } from '../../components/button.js';
import { useAppStore } from '../../stores/app-store.js';
import styles from './token-field.module.css';

/**
 * The client token, for models that are not open. It goes to the compute worker and stays there, in memory only: it is
 * in no address, no storage and no store, and a visit later it is asked for again.
 */
export function TokenField() {
  const engine = useEngine();
  const id = useId();
  const [outcome, setOutcome] = useState<string | null>(null);

  const use = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const token = String(new FormData(form).get('token') ?? '').trim();
    setOutcome('Showing it to the three workers …');
    try {
      await engine?.setToken(token === '' ? null : token);
      form.reset();
      setOutcome(token === '' ? 'No token is shown from now on.' : 'All three workers accept it.');
      // What was refused without it is asked again.
      const { phase, askAgain } = useAppStore.getState();
      if (phase === 'failed') askAgain();
    } catch (error) {
      setOutcome(error instanceof Error ? error.message : 'It was not accepted.');
    }
  };

  return (
    <form className={styles.field} onSubmit={use}>
      <label htmlFor={id}>Token, for a model that needs one</label>
      <div className={styles.row}>
        <input
          id={id}
          name="token"
          type="password"
          placeholder="trivet_…"
          autoComplete="off"
          spellCheck={false}
          maxLength={200}
        />
        <Button type="submit">Use</Button>
      </div>
      <p role="status">
        {outcome ?? 'Each worker is shown its own proof of it. It is forgotten with this page.'}
      </p>
    </form>
  );
}
