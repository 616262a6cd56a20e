/**
 * Models of TensorFlow.js as SavedModels: for each layer the operations that tf.keras writes (keras/layers of TensorFlow 2),
 * on variables with the layer's weights.
 */
import {
  bool,
  checkpoint,
  float,
  functionOf,
  int,
  ints,
  MODEL,
  node,
  savedModelOf,
  tensor,
  text,
  type Variable,
} from './saved-model-file.js';
import { type layers, saveFiles } from './tfjs-models.js';

export interface SavedModelFiles {
  readonly model: Uint8Array;
  /** Reads a file of the folder `variables`. */
  readonly variables: (name: string) => Uint8Array;
}

/** What an operation's output is called inside a function (tensorflow/core/ops). */
const OUTPUTS: Readonly<Record<string, string>> = {
  AddV2: 'z',
  FusedBatchNormV3: 'y',
  LeakyRelu: 'activations',
  MatMul: 'product',
  Mul: 'z',
  Neg: 'y',
  ReadVariableOp: 'value',
  Relu: 'activations',
  Relu6: 'activations',
  Rsqrt: 'y',
  Sigmoid: 'y',
  Softmax: 'softmax',
  Sub: 'z',
  Tanh: 'y',
  Transpose: 'y',
};

const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
  softmax: 'Softmax',
  tanh: 'Tanh',
};

type Config = Readonly<Record<string, unknown>>;

/** The function's body as it grows. Values are named as they are read: "conv2d/BiasAdd:output:0". */
class Body {
  readonly nodes: Uint8Array[] = [];
  readonly variables: Variable[] = [];

  add(
    name: string,
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Uint8Array> = {},
  ): string {
    this.nodes.push(node(name, op, inputs, attributes));
    return `${name}:${OUTPUTS[op] ?? 'output'}:0`;
  }

  floats(name: string, values: readonly number[], ...dims: readonly number[]): string {
    return this.add(name, 'Const', [], tensor(Float32Array.from(values), ...dims));
  }

  ints(name: string, values: readonly number[], ...dims: readonly number[]): string {
    return this.add(name, 'Const', [], tensor(Int32Array.from(values), ...dims));
  }

  read(name: string, shape: readonly number[], values: Float32Array): string {
    const variable = name.replaceAll('/', '_');
    this.variables.push({ name: variable, key: `${name}/.ATTRIBUTES/VARIABLE_VALUE`, shape, values });
    return this.add(`${name}/ReadVariableOp`, 'ReadVariableOp', [variable]);
  }
}

/** One layer on its way into a body. */
class Writer {
  readonly name: string;
  readonly #weights: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly values: Float32Array }
  >;

  constructor(
    layer: layers.layers.Layer,
    readonly config: Config,
    readonly body: Body,
  ) {
    this.name = layer.name;
    this.#weights = new Map(
      layer.weights.map((weight) => {
        const value = weight.read();
        const last = weight.originalName.slice(weight.originalName.lastIndexOf('/') + 1);
        return [last, { shape: value.shape, values: value.dataSync() as Float32Array }];
      }),
    );
  }

  op(
    op: string,
    inputs: readonly string[],
    attributes: Record<string, Uint8Array> = {},
    suffix = '',
  ): string {
    return this.body.add(`${this.name}/${op}${suffix}`, op, inputs, attributes);
  }

  has(weight: string): boolean {
    return this.#weights.has(weight);
  }

  weight(weight: string): string {
    const { shape, values } = this.#weights.get(weight)!;
    return this.body.read(`${this.name}/${weight}`, shape, values);
  }

  pair(key: string): readonly [number, number] {
    const value = this.config[key];
    return (Array.isArray(value) ? value : [value, value]) as [number, number];
  }

  padding(): { padding: Uint8Array; data_format: Uint8Array } {
    return { padding: text(String(this.config.padding).toUpperCase()), data_format: text('NHWC') };
  }

  /** Four numbers, one for each axis of a batch of images. */
  window(key: string): Uint8Array {
    return ints(1, ...this.pair(key), 1);
  }

  biased(value: string): string {
    return this.has('bias') ? this.op('BiasAdd', [value, this.weight('bias')]) : value;
  }

  activated(value: string): string {
    const name = String(this.config.activation ?? 'linear');
    return name === 'linear' ? value : this.op(ACTIVATIONS[name]!, [value]);
  }
}

type Write = (writer: Writer, inputs: readonly string[], layer: layers.layers.Layer) => string;

const pooling =
  (op: 'AvgPool' | 'MaxPool'): Write =>
  (w, inputs) =>
    w.op(op, inputs, { ksize: w.window('pool_size'), strides: w.window('strides'), ...w.padding() });

const overImage =
  (op: 'Mean' | 'Max'): Write =>
  (w, [x]) =>
    w.op(op, [x!, w.body.ints(`${w.name}/${op}/reduction_indices`, [1, 2], 2)], { keep_dims: bool(false) });

/** tf.tensordot(x, kernel, 1) of an input whose batch is open. */
function tensordot(w: Writer, x: string, layer: layers.layers.Layer): string {
  const { shape } = [layer.input].flat()[0]!;
  const [units] = (layer.outputShape as number[]).slice(-1) as [number];
  const list = (name: string, ...values: readonly number[]) =>
    w.body.ints(`${w.name}/Tensordot/${name}`, values, values.length);
  const zero = (name: string) => w.body.ints(`${w.name}/Tensordot/${name}`, [0]);
  const last = shape.length - 1;
  const axes = list('axes', last);
  const free = list('free', ...shape.slice(0, -1).keys());
  const extents = w.op('Shape', [x]);
  const freeDims = w.op('GatherV2', [extents, free, zero('GatherV2/axis')]);
  const axesDims = w.op('GatherV2', [extents, axes, zero('GatherV2_1/axis')], {}, '_1');
  const freeSize = w.op('Prod', [freeDims, list('Const', 0)]);
  const axesSize = w.op('Prod', [axesDims, list('Const_1', 0)], {}, '_1');
  const order = w.op('ConcatV2', [free, axes, zero('concat/axis')]);
  const rows = w.op('Reshape', [w.op('Transpose', [x, order]), w.op('Pack', [freeSize, axesSize])]);
  const product = w.op('MatMul', [rows, w.weight('kernel')]);
  const target = w.op('ConcatV2', [freeDims, list('Const_2', units), zero('concat_1/axis')], {}, '_1');
  return w.op('Reshape', [product, target], {}, '_1');
}

const LAYERS: Readonly<Record<string, Write>> = {
  Conv2D(w, [x]) {
    const dilations = w.window('dilation_rate');
    const convolved = w.op('Conv2D', [x!, w.weight('kernel')], {
      strides: w.window('strides'),
      dilations,
      ...w.padding(),
    });
    return w.activated(w.biased(convolved));
  },
  DepthwiseConv2D(w, [x]) {
    const attributes = { strides: w.window('strides'), dilations: w.window('dilation_rate'), ...w.padding() };
    return w.activated(
      w.biased(w.op('DepthwiseConv2dNative', [x!, w.weight('depthwise_kernel')], attributes)),
    );
  },
  SeparableConv2D(w, [x]) {
    const attributes = { strides: w.window('strides'), dilations: w.window('dilation_rate'), ...w.padding() };
    const depthwise = w.op('DepthwiseConv2dNative', [x!, w.weight('depthwise_kernel')], attributes);
    const pointwise = { strides: ints(1, 1, 1, 1), dilations: ints(1, 1, 1, 1), padding: text('VALID') };
    return w.activated(w.biased(w.op('Conv2D', [depthwise, w.weight('pointwise_kernel')], pointwise)));
  },
  Dense(w, [x], layer) {
    const rank = [layer.input].flat()[0]!.shape.length;
    const product = rank === 2 ? w.op('MatMul', [x!, w.weight('kernel')]) : tensordot(w, x!, layer);
    return w.activated(w.biased(product));
  },
  BatchNormalization(w, [x], layer) {
    const shape = layer.outputShape as number[];
    const channels = shape.at(-1)!;
    const epsilon = Number(w.config.epsilon);
    if (shape.length === 4) {
      const scale = w.has('gamma')
        ? w.weight('gamma')
        : w.body.floats(`${w.name}/Const`, Array(channels).fill(1), channels);
      const offset = w.has('beta')
        ? w.weight('beta')
        : w.body.floats(`${w.name}/Const_1`, Array(channels).fill(0), channels);
      const inputs = [x!, scale, offset, w.weight('moving_mean'), w.weight('moving_variance')];
      return w.op('FusedBatchNormV3', inputs, { is_training: bool(false), epsilon: float(epsilon) });
    }
    const spread = w.op('AddV2', [w.weight('moving_variance'), w.body.floats(`${w.name}/add/y`, [epsilon])]);
    const root = w.op('Rsqrt', [spread]);
    const factor = w.has('gamma') ? w.op('Mul', [root, w.weight('gamma')]) : root;
    const scaled = w.op('Mul', [x!, factor], {}, '_1');
    const shift = w.op('Mul', [w.weight('moving_mean'), factor], {}, '_2');
    const offset = w.has('beta') ? w.op('Sub', [w.weight('beta'), shift]) : w.op('Neg', [shift]);
    return w.op('AddV2', [scaled, offset], {}, '_1');
  },
  AveragePooling2D: pooling('AvgPool'),
  MaxPooling2D: pooling('MaxPool'),
  GlobalAveragePooling2D: overImage('Mean'),
  GlobalMaxPooling2D: overImage('Max'),
  ZeroPadding2D(w, [x]) {
    const [rows, columns] = w.config.padding as [number[], number[]];
    const sides = [0, 0, ...rows, ...columns, 0, 0];
    return w.op('Pad', [x!, w.body.ints(`${w.name}/Pad/paddings`, sides, 4, 2)]);
  },
  Flatten(w, [x], layer) {
    const size = (layer.outputShape as number[]).at(-1)!;
    return w.op('Reshape', [x!, w.body.ints(`${w.name}/Const`, [-1, size], 2)]);
  },
  /** The batch's extent is read from the input. */
  Reshape(w, [x]) {
    const of = (name: string, value: number) => w.body.ints(`${w.name}/strided_slice/${name}`, [value], 1);
    const range = [of('stack', 0), of('stack_1', 1), of('stack_2', 1)];
    const batch = w.op('StridedSlice', [w.op('Shape', [x!]), ...range], { shrink_axis_mask: int(1) });
    const extents = (w.config.target_shape as (number | null)[]).map((extent) => extent ?? -1);
    const target = extents.map((extent, axis) => w.body.ints(`${w.name}/Reshape/shape/${axis}`, [extent]));
    return w.op('Reshape', [x!, w.op('Pack', [batch, ...target])]);
  },
  Dropout: (w, [x]) => w.op('Identity', [x!]),
  Activation: (w, [x]) => w.activated(x!),
  Softmax: (w, [x]) => w.op('Softmax', [x!]),
  ReLU: (w, [x]) => w.op(w.config.max_value === 6 ? 'Relu6' : 'Relu', [x!]),
  LeakyReLU: (w, [x]) => w.op('LeakyRelu', [x!], { alpha: float(Number(w.config.alpha)) }),
  Add: (w, [first, ...others]) =>
    others.reduce(
      (sum, other, index) => w.op('AddV2', [sum, other], {}, index === 0 ? '' : `_${index}`),
      first!,
    ),
  Concatenate: (w, inputs, layer) => {
    const axis = (layer.outputShape as number[]).length - 1;
    return w.op('ConcatV2', [...inputs, w.body.ints(`${w.name}/concat/axis`, [axis])]);
  },
};

/** @throws Error when a layer of the model is not among those above */
export async function kerasSavedModel(model: layers.LayersModel): Promise<SavedModelFiles> {
  const { json } = await saveFiles(model);
  const { config } = json.modelTopology as { config: { layers: { config: Config }[] } };
  const configs = new Map(config.layers.map((layer) => [layer.config.name, layer.config]));
  const body = new Body();
  /** By the id of tfjs' symbolic tensor. */
  const values = new Map<number, string>([[model.inputs[0]!.id, 'x']]);
  for (const layer of model.layers) {
    if (layer.getClassName() === 'InputLayer') continue;
    const inputs = [layer.input].flat().map(({ id }) => values.get(id)!);
    const write = LAYERS[layer.getClassName()];
    if (write === undefined) throw new Error(`No operations for ${layer.getClassName()}.`);
    const written = write(new Writer(layer, configs.get(layer.name)!, body), inputs, layer);
    values.set([layer.output].flat()[0]!.id, written);
  }
  const result = body.add('Identity', 'Identity', [values.get(model.outputs[0]!.id)!]);
  const { nodes, variables } = body;
  return {
    model: savedModelOf({
      functions: [functionOf(MODEL, ['x', ...variables.map(({ name }) => name)], nodes, result)],
      variables,
      inputShape: model.inputs[0]!.shape.slice(1) as number[],
      outputShape: model.outputs[0]!.shape.slice(1).map((extent) => extent ?? -1),
    }),
    variables: checkpoint(variables),
  };
}
