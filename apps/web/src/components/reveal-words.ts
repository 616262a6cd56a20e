/** What a model's clients receive of an answer, in a few words. */
import type { Reveal } from '@trivet/mpc-core';

export function revealWords(reveal: Reveal): string {
  if (reveal === 'logits') return 'all scores';
  return reveal === 'label' ? 'the class alone' : `the best ${reveal.slice('top-'.length)} classes, in order`;
}
