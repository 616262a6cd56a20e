/** Keeps the settings in the browser's local storage. What is read back is checked like any input from outside. */
// The small form of zod: the first load has no room for the whole.
import * as z from 'zod/mini';
import { useAppStore } from '../../stores/app-store.js';
import { DEFAULT_SETTINGS, type Settings } from '../../stores/settings-slice.js';

const STORAGE_KEY = 'trivet.settings.1';

const milliseconds = z.number().check(z.minimum(0), z.maximum(60_000));
const text = (longest: number) => z.string().check(z.maxLength(longest));

const settingsSchema = z.object({
  theme: z.enum(['system', 'light', 'dark']),
  preference: z.enum(['auto', 'webgpu', 'cpu']),
  model: z.nullable(text(64)),
  predictAutomatically: z.boolean(),
  calibrations: z
    .array(
      z.object({
        sizeClass: z.int().check(z.minimum(0), z.maximum(64)),
        cpuLabel: text(200),
        cpuMs: milliseconds,
        gpuLabel: text(200),
        gpuMs: milliseconds,
      }),
    )
    .check(z.maxLength(64)),
});

/** The settings of the last visit; the defaults where there are none, or none that can be understood. */
export function readSettings(storage: Pick<Storage, 'getItem'>): Settings {
  try {
    const parsed = settingsSchema.safeParse(JSON.parse(storage.getItem(STORAGE_KEY) ?? 'null'));
    return parsed.success ? parsed.data : DEFAULT_SETTINGS;
  } catch {
    // No JSON, or a browser that forbids storage.
    return DEFAULT_SETTINGS;
  }
}

function writeSettings(storage: Pick<Storage, 'setItem'>, settings: Settings): void {
  const { theme, preference, model, predictAutomatically, calibrations } = settings;
  try {
    storage.setItem(
      STORAGE_KEY,
      JSON.stringify({ theme, preference, model, predictAutomatically, calibrations }),
    );
  } catch {
    // Full or forbidden storage: the settings last as long as the page.
  }
}

/** Loads the settings into the store and keeps storage in step with it. @returns stops keeping it so */
export function persistSettings(storage: Pick<Storage, 'getItem' | 'setItem'>): () => void {
  useAppStore.getState().changeSettings(readSettings(storage));
  return useAppStore.subscribe((state, previous) => {
    const changed = (Object.keys(DEFAULT_SETTINGS) as (keyof Settings)[]).some(
      (key) => state[key] !== previous[key],
    );
    if (changed) writeSettings(storage, state);
  });
}
