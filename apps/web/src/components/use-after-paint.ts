import { useEffect, useState } from 'react';

/** A value as it was when the last frame was shown: for what may follow a frame later, so that more urgent things come first. */
export function useAfterPaint<T extends object | null>(value: T): T {
  const [shown, setShown] = useState(value);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => setShown(value));
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [value]);
  return shown;
}
