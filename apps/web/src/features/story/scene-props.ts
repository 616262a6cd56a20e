import type { Answer } from '../../stores/answer-slice.js';

/** What a scene draws itself from. */
export interface SceneProps {
  readonly answer: Answer;
  /** 0 to 1; 1 wherever nothing may move. */
  readonly progress: number;
}
