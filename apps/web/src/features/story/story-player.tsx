import { useMemo } from 'react';
import { Button } from '../../components/button.js';
import { Icon } from '../../components/icons.js';
import { useReducedMotion } from '../../components/use-media.js';
import type { TracedAnswer } from '../../stores/answer-slice.js';
import { SCENES } from './scenes.js';
import styles from './story-player.module.css';
import { usePlayer } from './use-player.js';

const DURATIONS = SCENES.map((scene) => scene.milliseconds);

/** The scenes one after the other, by themselves or step by step. */
export function StoryPlayer({ answer }: { readonly answer: TracedAnswer }) {
  const { scene, progress, playing, show, toggle } = usePlayer(DURATIONS);
  const still = useReducedMotion();
  const { title, words, wordsOfClasses, Picture } = SCENES[scene]!;
  const isScored = answer.prediction.reveal === 'logits';
  const steps = useMemo(() => SCENES.map(({ id, title: name }) => ({ id, name })), []);
  return (
    <section className={styles.player} aria-label="The way of the digit, step by step">
      <ol className={styles.steps}>
        {steps.map(({ id, name }, index) => (
          <li key={id}>
            <button
              type="button"
              className={styles.step}
              aria-current={index === scene ? 'step' : undefined}
              onClick={() => show(index)}
            >
              <span className={styles.number}>{index + 1}</span>
              {name}
              <span className={styles.bar} aria-hidden="true">
                <span
                  style={{ transform: `scaleX(${index === scene ? progress : Number(index < scene)})` }}
                />
              </span>
            </button>
          </li>
        ))}
      </ol>
      <div className={styles.scene} data-testid="scene">
        <div className={styles.words} aria-live={playing ? 'off' : 'polite'}>
          <h2 className={styles.title}>{title}</h2>
          <p className={styles.text}>{isScored ? words : (wordsOfClasses ?? words)}</p>
        </div>
        <div className={styles.picture}>
          <Picture answer={answer} progress={progress} />
        </div>
      </div>
      <div className={styles.controls}>
        <Button look="icon" aria-label="Step back" disabled={scene === 0} onClick={() => show(scene - 1)}>
          <Icon name="back" />
        </Button>
        <Button look="strong" onClick={toggle}>
          <Icon name={playing ? 'pause' : still ? 'next' : 'play'} />
          {playing ? 'Pause' : still ? 'Next' : 'Play'}
        </Button>
        <Button
          look="icon"
          aria-label="Step on"
          disabled={scene === SCENES.length - 1}
          onClick={() => show(scene + 1)}
        >
          <Icon name="next" />
        </Button>
      </div>
    </section>
  );
}
