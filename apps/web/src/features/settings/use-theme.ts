/** Puts the chosen theme on the document; "system" leaves the choice to the system. */
import { useEffect } from 'react';
import { useAppStore } from '../../stores/app-store.js';

export function useTheme(): void {
  const theme = useAppStore((state) => state.theme);
  useEffect(() => {
    const { dataset } = document.documentElement;
    if (theme === 'system') delete dataset.theme;
    else dataset.theme = theme;
  }, [theme]);
}
