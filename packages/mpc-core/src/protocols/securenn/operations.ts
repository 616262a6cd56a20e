/** A rectification draws the streams of four operations, counted from its own number. */
export const OPERATIONS = { convert: 1, sign: 2, select: 3, count: 4 } as const;
