/** The scenes of the story, in order; each draws itself from the answer at hand. */
import type { ReactNode } from 'react';
import { FixedPointScene } from './fixed-point-scene.js';
import { LogitsScene } from './logits-scene.js';
import { PixelsScene } from './pixels-scene.js';
import { RepliesScene } from './replies-scene.js';
import type { SceneProps } from './scene-props.js';
import { SharesScene } from './shares-scene.js';
import { TalkScene } from './talk-scene.js';

export interface Scene {
  readonly id: string;
  readonly title: string;
  /** A sentence or two for somebody who has never heard of secret sharing. */
  readonly words: string;
  /** In their place for a model that reveals classes only, where those would not be true. */
  readonly wordsOfClasses?: string;
  readonly milliseconds: number;
  readonly Picture: (props: SceneProps) => ReactNode;
}

export const SCENES: readonly Scene[] = [
  {
    id: 'pixels',
    title: 'Your digit',
    words: 'Your drawing becomes 28 by 28 grey values. They are here, in this browser, and nowhere else.',
    milliseconds: 2500,
    Picture: PixelsScene,
  },
  {
    id: 'numbers',
    title: 'Whole numbers',
    words:
      'Each grey value becomes a whole number: computers that keep secrets count in whole numbers, around a clock with 2⁶⁴ hours.',
    milliseconds: 5000,
    Picture: FixedPointScene,
  },
  {
    id: 'shares',
    title: 'Three shares',
    words:
      'Each number is split into three. Two are drawn by lot; the third is what is missing to the number. Each of them alone, and any two, are pure chance.',
    milliseconds: 5000,
    Picture: SharesScene,
  },
  {
    id: 'talk',
    title: 'Three workers talk',
    words:
      'Each worker holds two of the three shares and computes the network on them, layer by layer. What they tell each other on the way is masked by fresh chance again.',
    milliseconds: 7000,
    Picture: TalkScene,
  },
  {
    id: 'replies',
    title: 'Three replies',
    words: 'Each worker answers with numbers of its own. They mean nothing without the others’.',
    milliseconds: 3500,
    Picture: RepliesScene,
  },
  {
    id: 'answer',
    title: 'Your answer',
    words:
      'Only here the three replies meet. Added up, they are the ten scores of the digits, and the largest wins.',
    wordsOfClasses:
      'Only here the three replies meet. Added up, they are the digit itself: the workers have found the largest score on shares, and this model’s owner tells no more.',
    milliseconds: 3000,
    Picture: LogitsScene,
  },
];
