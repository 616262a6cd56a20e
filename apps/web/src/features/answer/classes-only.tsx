import styles from './classes-only.module.css';

/** In the place of the bars, for a model whose owner lets nobody know how sure it is. */
export function ClassesOnly({ topClasses }: { readonly topClasses: readonly number[] }) {
  const [, ...others] = topClasses;
  return (
    <p className={styles.note} data-testid="classes-only">
      {others.length === 0
        ? 'This model tells its digit and nothing else: its owner lets no one see how sure it is.'
        : `This model tells its best digits in order, and not how sure it is. After the first: ${others.join(', ')}.`}
    </p>
  );
}
