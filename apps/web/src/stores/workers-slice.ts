/** The three workers as this page sees them, and the models that they hold. */
import type { WorkerView } from '@trivet/client';
import type { ModelSummary } from '../compute/worker/messages.js';
import type { SetSlice } from './slice.js';

export interface WorkersSlice {
  /** Null until the first report. */
  readonly workers: readonly WorkerView[] | null;
  readonly models: readonly ModelSummary[];
  setWorkers(workers: readonly WorkerView[], models: readonly ModelSummary[]): void;
}

export const createWorkersSlice = (set: SetSlice<WorkersSlice>): WorkersSlice => ({
  workers: null,
  models: [],
  setWorkers: (workers, models) => set({ workers, models }),
});

/** The model to ask: the chosen one while it is served, else the first served one that reads digits; null if none. */
export function selectModel(
  state: Pick<WorkersSlice, 'models'> & { readonly model: string | null },
): ModelSummary | null {
  const usable = state.models.filter((model) => model.state === 'AVAILABLE' && model.takesDigits);
  return usable.find((model) => model.name === state.model) ?? usable[0] ?? null;
}

/** Whether a prediction can run: every worker is here and sees both others. */
export function selectAllReady(state: Pick<WorkersSlice, 'workers'>): boolean {
  return state.workers?.every((worker) => worker.reachable && worker.status?.ready === true) ?? false;
}
