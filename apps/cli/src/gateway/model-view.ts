/** Model status and metadata, as TensorFlow Serving prints its protocol buffers. */
import type { SharedModel } from '@trivet/client';
import { signatureOf } from './signature.js';

/** `GetModelStatusResponse`. */
export function statusJson(models: readonly SharedModel[]): string {
  const model_version_status = models.map((model) => ({
    version: String(model.version),
    state: model.state,
    status: { error_code: 'OK', error_message: '' },
  }));
  return print({ model_version_status });
}

/** `GetModelMetadataResponse`. */
export function metadataJson(model: SharedModel): string {
  const { name, method, input, output } = signatureOf(model);
  const tensorInfo = ({ tensor, dtype, shape }: typeof input) => ({
    dtype,
    tensor_shape: {
      dim: (shape ?? []).map((size) => ({ size: String(size), name: '' })),
      unknown_rank: shape === null,
    },
    name: tensor,
  });
  return print({
    model_spec: { name: model.name, signature_name: '', version: String(model.version) },
    metadata: {
      signature_def: {
        signature_def: {
          [name]: {
            inputs: { [input.name]: tensorInfo(input) },
            outputs: { [output.name]: tensorInfo(output) },
            method_name: method,
          },
        },
      },
    },
  });
}

function print(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
