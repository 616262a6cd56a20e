/** The page's one store, made of slices: state and actions, no input or output. */
import { create } from 'zustand';
import { type AnswerSlice, createAnswerSlice } from './answer-slice.js';
import { type BatchSlice, createBatchSlice } from './batch-slice.js';
import { type CompareSlice, createCompareSlice } from './compare-slice.js';
import { createDigitSlice, type DigitSlice } from './digit-slice.js';
import { createHistorySlice, type HistorySlice } from './history-slice.js';
import { createOwnerSlice, type OwnerSlice } from './owner-slice.js';
import { createSettingsSlice, type SettingsSlice } from './settings-slice.js';
import { createWorkersSlice, type WorkersSlice } from './workers-slice.js';

export type AppState = DigitSlice &
  AnswerSlice &
  WorkersSlice &
  HistorySlice &
  BatchSlice &
  CompareSlice &
  OwnerSlice &
  SettingsSlice;

export const useAppStore = create<AppState>()((set) => ({
  ...createDigitSlice(set),
  ...createAnswerSlice(set),
  ...createWorkersSlice(set),
  ...createHistorySlice(set),
  ...createBatchSlice(set),
  ...createCompareSlice(set),
  ...createOwnerSlice(set),
  ...createSettingsSlice(set),
}));
