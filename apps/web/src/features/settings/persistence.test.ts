import { beforeEach, describe, expect, it } from 'vitest';
import { useAppStore } from '../../stores/app-store.js';
import { DEFAULT_SETTINGS } from '../../stores/settings-slice.js';
import { persistSettings, readSettings } from './persistence.js';

function memory(text?: string) {
  const items = new Map(text === undefined ? [] : [['trivet.settings.1', text]]);
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
}

beforeEach(() => useAppStore.setState(useAppStore.getInitialState(), true));

describe('settings', () => {
  it('come back as they were left', () => {
    const storage = memory();
    const stop = persistSettings(storage);
    useAppStore.getState().changeSettings({ theme: 'dark', preference: 'cpu', model: 'mnist' });
    stop();
    expect(readSettings(storage)).toEqual({
      ...DEFAULT_SETTINGS,
      theme: 'dark',
      preference: 'cpu',
      model: 'mnist',
    });
  });

  it.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['another shape', '{"theme":"dark"}'],
    ['another theme', JSON.stringify({ ...DEFAULT_SETTINGS, theme: 'sepia' })],
    [
      'impossible timings',
      JSON.stringify({
        ...DEFAULT_SETTINGS,
        calibrations: [{ sizeClass: 10, cpuLabel: 'c', cpuMs: -1, gpuLabel: 'g', gpuMs: 1 }],
      }),
    ],
  ])('are the defaults when storage holds %s', (_, text) => {
    expect(readSettings(memory(text))).toEqual(DEFAULT_SETTINGS);
  });

  it('survive a browser that forbids storage', () => {
    const forbidden = {
      getItem: () => {
        throw new DOMException('denied', 'SecurityError');
      },
      setItem: () => {
        throw new DOMException('denied', 'SecurityError');
      },
    };
    const stop = persistSettings(forbidden);
    useAppStore.getState().changeSettings({ theme: 'light' });
    stop();
    expect(useAppStore.getState().theme).toBe('light');
  });
});
