/** The model owner's side: the file at hand, what is shared, and what is being done about it. No key is in here. */
import type { ErrorBody } from '@trivet/shared-types';
import type { ModelFile, ModelInspection, OwnedModel } from '../compute/model/messages.js';
import type { SetSlice } from './slice.js';

export interface OwnerSlice {
  /** Null while nobody is signed in. */
  readonly owned: readonly OwnedModel[] | null;
  readonly modelFiles: readonly ModelFile[] | null;
  readonly inspection: ModelInspection | null;
  /** What is under way, in a few words; null when nothing is. */
  readonly ownerBusy: string | null;
  /** Part of an upload that is done, 0 to 1; null when nothing is uploaded. */
  readonly uploaded: number | null;
  readonly ownerFailure: ErrorBody | null;
  setOwned(models: readonly OwnedModel[]): void;
  changeOwner(
    change: Partial<
      Pick<OwnerSlice, 'owned' | 'modelFiles' | 'inspection' | 'ownerBusy' | 'uploaded' | 'ownerFailure'>
    >,
  ): void;
}

export const createOwnerSlice = (set: SetSlice<OwnerSlice>): OwnerSlice => ({
  owned: null,
  modelFiles: null,
  inspection: null,
  ownerBusy: null,
  uploaded: null,
  ownerFailure: null,
  // A report that was under way when the owner left is nobody's.
  setOwned: (models) => set(({ owned }) => (owned === null ? {} : { owned: models })),
  changeOwner: (change) => set(change),
});
