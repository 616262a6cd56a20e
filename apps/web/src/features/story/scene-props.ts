import type { TracedAnswer } from '../../stores/answer-slice.js';

/** What a scene draws itself from. */
export interface SceneProps {
  readonly answer: TracedAnswer;
  /** 0 to 1; 1 wherever nothing may move. */
  readonly progress: number;
}
