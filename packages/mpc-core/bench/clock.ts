/**
 * Time measurement for kernels: the processor's clock, and the time of a call. It is CPU time of this process, not
 * time on the wall, so that other programs on the machine matter little.
 */

/** Long enough that the timer's resolution and the call itself do not count. */
const BATCH_MS = 4;
const BATCHES = 15;

/** Nanoseconds of one call. */
export interface CallTime {
  readonly median: number;
  readonly best: number;
}

/** Times several batches, each of as many calls as take some milliseconds. */
export function timeCall(call: () => void): CallTime {
  let calls = 1;
  // Doubling until a batch is long enough warms the code up too.
  for (let elapsed = 0; elapsed < BATCH_MS; calls *= 2) elapsed = timeCalls(call, calls);
  calls /= 2;
  timeCalls(call, calls);
  const times = Array.from({ length: BATCHES }, () => timeCalls(call, calls)).sort((a, b) => a - b);
  const nanoseconds = (milliseconds: number) => (milliseconds * 1e6) / calls;
  return { median: nanoseconds(times[(BATCHES - 1) / 2]!), best: nanoseconds(times[0]!) };
}

/** Milliseconds. */
function timeCalls(call: () => void, calls: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < calls; i++) call();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

const STEPS = 1 << 18;

/**
 * Nanoseconds of one clock cycle as this machine runs now, from a chain of operations that each wait for the one
 * before and take one cycle: a 32-bit xorshift, three shifts and three exclusive ors a step.
 */
export function nanosecondsPerCycle(): number {
  let state = 1;
  const { best } = timeCall(() => {
    let x = state;
    for (let i = 0; i < STEPS; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
    }
    state = x;
  });
  return best / (6 * STEPS);
}
