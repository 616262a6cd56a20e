/** Ctrl-C and SIGTERM, once, as an AbortSignal; a second Ctrl-C leaves at once. */

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives the signals back to Node.js. */
  release(): void;
}

export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}

/** Runs work that Ctrl-C interrupts. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, release } = onInterrupt();
  try {
    return await work(signal);
  } finally {
    release();
  }
}
