/** The colour scheme in force: the one chosen on the page, else the system's. For what CSS cannot reach: canvases. */
import { useSyncExternalStore } from 'react';

export type ColourScheme = 'light' | 'dark';

function subscribe(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const chosen = new MutationObserver(changed);
  chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  system.addEventListener('change', changed);
  return () => {
    chosen.disconnect();
    system.removeEventListener('change', changed);
  };
}

function current(): ColourScheme {
  const { theme } = document.documentElement.dataset;
  if (theme === 'light' || theme === 'dark') return theme;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

export function useColourScheme(): ColourScheme {
  return useSyncExternalStore(subscribe, current);
}
