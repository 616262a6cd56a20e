/** Does things in the order in which they were asked for: at once, where nothing has to be waited for. */
import type { Maybe } from './aead.js';

export class Turns {
  #last: Promise<void> | null = null;

  /** Uses the value after all that came before; a value that is rejected, or whose use throws, goes to `failed`. */
  take<T>(value: Maybe<T>, use: (value: T) => void, failed: (error: unknown) => void): void {
    if (this.#last === null && !(value instanceof Promise)) {
      try {
        use(value);
      } catch (error) {
        failed(error);
      }
      return;
    }
    const before = this.#last;
    const turn = (async () => {
      try {
        const ready = await value;
        await before;
        use(ready);
      } catch (error) {
        await before;
        failed(error);
      }
    })();
    this.#last = turn;
    void turn.then(() => {
      if (this.#last === turn) this.#last = null;
    });
  }
}
