import styles from './logo.module.css';

/** Three inks over each other: the mark of the three workers, black where they meet. */
export function Logo() {
  return (
    <span className={styles.logo}>
      <svg viewBox="0 0 32 32" width="34" height="34" aria-hidden="true" className={styles.mark}>
        <circle cx="16" cy="11" r="8.5" className={styles.first} />
        <circle cx="10.5" cy="20.5" r="8.5" className={styles.second} />
        <circle cx="21.5" cy="20.5" r="8.5" className={styles.third} />
      </svg>
      Trivet
    </span>
  );
}
