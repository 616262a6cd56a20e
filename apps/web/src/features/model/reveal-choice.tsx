import type { Reveal } from '@trivet/mpc-core';
import { Choice } from '../settings/choice.js';
import styles from './reveal-choice.module.css';

interface RevealChoiceProps {
  readonly value: Reveal;
  readonly onChange: (reveal: Reveal) => void;
  /** Classes of the model at hand, or null before there is one. */
  readonly classes: number | null;
}

const OPTIONS = [
  ['logits', 'All scores'],
  ['label', 'The class'],
  ['top', 'The best few'],
] as const;

const WORDS: Readonly<Record<(typeof OPTIONS)[number][0], string>> = {
  logits:
    'Clients see how sure the model is of each class. Who may ask very often can learn a copy of it from such answers.',
  label:
    'The workers find the largest score on shares: clients get its class, and nobody sees how sure the model is. That takes more rounds.',
  top: 'The workers put the largest scores in order on shares: clients get their classes and no score. That takes more rounds.',
};

const FEW = 3;
/** One alone is the class. */
const LEAST = 2;
/** What one answer may name. */
const MOST = 100;

/** What clients receive of the model's output. It is a part of the shared version and cannot be changed afterwards. */
export function RevealChoice({ value, onChange, classes }: RevealChoiceProps) {
  const kind = value === 'logits' || value === 'label' ? value : 'top';
  const most = Math.max(LEAST, Math.min(classes ?? MOST, MOST));
  return (
    <div className={styles.reveal}>
      <Choice
        legend="Its clients receive"
        options={OPTIONS}
        value={kind}
        onChange={(chosen) => onChange(chosen === 'top' ? `top-${Math.min(FEW, most)}` : chosen)}
      />
      {kind === 'top' && (
        <label className={styles.count}>
          How many, of {classes ?? 'its'} classes
          <input
            name="revealed-classes"
            type="number"
            min={LEAST}
            max={most}
            step={1}
            value={value.slice('top-'.length)}
            onChange={({ target }) => {
              if (target.validity.valid && target.value !== '') onChange(`top-${Number(target.value)}`);
            }}
          />
        </label>
      )}
      <p className={styles.words}>{WORDS[kind]}</p>
    </div>
  );
}
