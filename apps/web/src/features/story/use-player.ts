/** Moves through the scenes of the story: which one is shown and how far it has come. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { useReducedMotion } from '../../components/use-media.js';

export interface Player {
  readonly scene: number;
  /** 0 to 1 within the scene; 1 wherever nothing may move. */
  readonly progress: number;
  readonly playing: boolean;
  show(scene: number): void;
  toggle(): void;
}

/** @param durations of the scenes in milliseconds */
export function usePlayer(durations: readonly number[]): Player {
  const still = useReducedMotion();
  const [scene, setScene] = useState(0);
  const [progress, setProgress] = useState(1);
  // Nothing moves before somebody asks for it.
  const [playing, setPlaying] = useState(false);
  const at = useRef({ scene, progress });
  at.current = { scene, progress };

  useEffect(() => {
    if (!playing) return;
    let last = performance.now();
    let frame = requestAnimationFrame(function step(now: number) {
      const moved = at.current.progress + (now - last) / durations[at.current.scene]!;
      last = now;
      if (moved < 1) setProgress(moved);
      else if (at.current.scene < durations.length - 1) {
        setScene(at.current.scene + 1);
        setProgress(0);
      } else {
        setProgress(1);
        setPlaying(false);
        return;
      }
      frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing, durations]);

  const show = useCallback((chosen: number) => {
    setPlaying(false);
    setScene(chosen);
    setProgress(1);
  }, []);

  const toggle = useCallback(() => {
    if (still) {
      // Without motion, playing is going to the next scene.
      const next = at.current.scene + 1;
      setScene(next < durations.length ? next : 0);
      return;
    }
    const atEnd = at.current.progress >= 1;
    if (!playing && atEnd) {
      const last = at.current.scene === durations.length - 1;
      if (last) setScene(0);
      setProgress(0);
    }
    setPlaying(!playing);
  }, [playing, still, durations]);

  return { scene, progress: still ? 1 : progress, playing, show, toggle };
}
