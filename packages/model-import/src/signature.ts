/** How a model is called from outside: the names, types and shapes that a TensorFlow Serving client knows it by. */

/** Element types as TensorFlow writes them. */
export type SignatureType =
  | 'DT_FLOAT'
  | 'DT_DOUBLE'
  | 'DT_HALF'
  | 'DT_BFLOAT16'
  | 'DT_UINT8'
  | 'DT_INT8'
  | 'DT_INT16'
  | 'DT_INT32'
  | 'DT_INT64';

export interface SignatureTensor {
  /** What clients call it. */
  readonly name: string;
  /** Its name inside the model's own file, such as "x:0". */
  readonly tensor: string;
  readonly dtype: SignatureType;
  /** With the batch axis; -1 is any extent. Null when even the number of axes is open. */
  readonly shape: number[] | null;
}

/** The shape of the manifest's `signature`, which it becomes. */
export interface Signature {
  readonly name: string;
  readonly method: string;
  readonly input: SignatureTensor;
  readonly output: SignatureTensor;
}

export const DEFAULT_SIGNATURE = 'serving_default';
export const PREDICT_METHOD = 'tensorflow/serving/predict';

/** The signature of a model that comes without one: float32, any batch. */
export function plainSignature(
  input: { readonly name: string; readonly shape: readonly number[] },
  output: { readonly name: string; readonly shape: readonly number[] | null },
): Signature {
  const tensor = ({ name, shape }: { readonly name: string; readonly shape: readonly number[] | null }) => ({
    name,
    tensor: name,
    dtype: 'DT_FLOAT' as const,
    shape: shape === null ? null : [-1, ...shape],
  });
  return {
    name: DEFAULT_SIGNATURE,
    method: PREDICT_METHOD,
    input: tensor(input),
    output: tensor(output),
  };
}
