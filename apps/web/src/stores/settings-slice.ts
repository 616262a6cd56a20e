/** What a visitor has chosen. Kept between visits; see features/settings/persistence.ts. */
import type { Calibration, ComputePreference, SharingState } from '../compute/sharing/adaptive-sharer.js';
import type { SetSlice } from './slice.js';

export type Theme = 'system' | 'light' | 'dark';

export interface Settings {
  readonly theme: Theme;
  readonly preference: ComputePreference;
  /** Name of the model to ask, or null for the first one that is served. */
  readonly model: string | null;
  readonly predictAutomatically: boolean;
  /** What the compute worker has measured on this computer. */
  readonly calibrations: readonly Calibration[];
}

export interface SettingsSlice extends Settings {
  /** Which implementation makes the shares; null until the compute worker reports. */
  readonly sharing: SharingState | null;
  changeSettings(settings: Partial<Settings>): void;
  setSharing(sharing: SharingState): void;
}

export const DEFAULT_SETTINGS: Settings = {
  theme: 'system',
  preference: 'auto',
  model: null,
  predictAutomatically: true,
  calibrations: [],
};

export const createSettingsSlice = (set: SetSlice<SettingsSlice>): SettingsSlice => ({
  ...DEFAULT_SETTINGS,
  sharing: null,
  changeSettings: (settings) => set(settings),
  setSharing: (sharing) => set({ sharing, calibrations: sharing.calibrations }),
});
