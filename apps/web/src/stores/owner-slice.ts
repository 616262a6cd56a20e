/** The model owner's side: the file at hand, what is shared, and what is being done about it. No key is in here. */
import type { Reveal } from '@trivet/mpc-core';
import type { ErrorBody } from '@trivet/shared-types';
import type { ModelFile, ModelInspection, OwnedModel } from '../compute/model/messages.js';
import type { SetSlice } from './slice.js';

/** The parts of the owner's page: what is under way or failed is told where it was asked for. */
export type OwnerPlace = 'read' | 'share' | 'serve';

/** How a model is to be read. */
export interface ModelOptions {
  /** Every number of an input lies between them; as they were typed. */
  readonly smallest: string;
  readonly largest: string;
  readonly reveal: Reveal;
}

export interface OwnerSlice {
  /** Null while nobody is signed in. */
  readonly owned: readonly OwnedModel[] | null;
  readonly modelOptions: ModelOptions;
  readonly modelFiles: readonly ModelFile[] | null;
  readonly inspection: ModelInspection | null;
  /** Of what is under way, or was last. */
  readonly ownerPlace: OwnerPlace;
  /** What is under way, in a few words; null when nothing is. */
  readonly ownerBusy: string | null;
  /** Part of an upload that is done, 0 to 1; null when nothing is uploaded. */
  readonly uploaded: number | null;
  readonly ownerFailure: ErrorBody | null;
  setOwned(models: readonly OwnedModel[]): void;
  changeOwner(
    change: Partial<
      Pick<
        OwnerSlice,
        | 'owned'
        | 'modelOptions'
        | 'modelFiles'
        | 'inspection'
        | 'ownerPlace'
        | 'ownerBusy'
        | 'uploaded'
        | 'ownerFailure'
      >
    >,
  ): void;
}

export const createOwnerSlice = (set: SetSlice<OwnerSlice>): OwnerSlice => ({
  owned: null,
  modelOptions: { smallest: '0', largest: '1', reveal: 'logits' },
  modelFiles: null,
  inspection: null,
  ownerPlace: 'read',
  ownerBusy: null,
  uploaded: null,
  ownerFailure: null,
  // A report that was under way when the owner left is nobody's.
  setOwned: (models) => set(({ owned }) => (owned === null ? {} : { owned: models })),
  changeOwner: (change) => set(change),
});
