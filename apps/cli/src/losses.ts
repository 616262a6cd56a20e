/** Says when a worker is lost, and when it is back. */
import type { StatusListener } from '@trivet/client';

/** @param tell given one sentence a change */
export function reportLosses(tell: (sentence: string) => void): StatusListener {
  const lost = new Set<string>();
  return (views) => {
    for (const { name, reachable, problem } of views) {
      if (!reachable && problem !== null && !lost.has(name)) {
        lost.add(name);
        tell(`${problem} Nobody is answered until it is back.`);
      } else if (reachable && lost.delete(name)) tell(`Worker "${name}" is back.`);
    }
  };
}
