/** The page's one store, made of slices: state and actions, no input or output. */
import { create } from 'zustand';
import { type AnswerSlice, createAnswerSlice } from './answer-slice.js';
import { createDigitSlice, type DigitSlice } from './digit-slice.js';
import { createSettingsSlice, type SettingsSlice } from './settings-slice.js';
import { createWorkersSlice, type WorkersSlice } from './workers-slice.js';

export type AppState = DigitSlice & AnswerSlice & WorkersSlice & SettingsSlice;

export const useAppStore = create<AppState>()((set) => ({
  ...createDigitSlice(set),
  ...createAnswerSlice(set),
  ...createWorkersSlice(set),
  ...createSettingsSlice(set),
}));
