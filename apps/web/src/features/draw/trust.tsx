import styles from './trust.module.css';

/** The trust model, in three lines. */
export function Trust() {
  return (
    <section className={styles.trust} aria-labelledby="trust-title">
      <h2 id="trust-title" className={styles.title}>
        What you have to believe
      </h2>
      <ol className={styles.lines}>
        <li>
          <b>One worker alone learns nothing.</b> Not your digit, not the answer, not the model’s weights: all
          that reaches it is random numbers. It does learn the model’s architecture and when you ask.
        </li>
        <li>
          <b>Two workers together would learn everything.</b> They are meant to be run by people who do not
          trust each other, each on a machine of their own.
        </li>
        <li>
          <b>All three follow the protocol.</b> A worker that computes wrongly can spoil an answer; it still
          does not see your digit. Digit and answer exist in this page only.
        </li>
      </ol>
    </section>
  );
}
