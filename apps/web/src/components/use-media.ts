/** What the visitor's screen and system are like, for what CSS cannot reach. */
import { useCallback, useSyncExternalStore } from 'react';

/** Whether a media query holds, now and whenever that changes. */
export function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (changed: () => void) => {
      const media = matchMedia(query);
      media.addEventListener('change', changed);
      return () => media.removeEventListener('change', changed);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** Whether the visitor has asked the system for less motion. */
export const useReducedMotion = () => useMedia('(prefers-reduced-motion: reduce)');
