/** The part of zustand's `set` that a slice uses: merges what it is given into the slice's state. */
export type SetSlice<Slice> = (change: Partial<Slice> | ((state: Slice) => Partial<Slice>)) => void;
