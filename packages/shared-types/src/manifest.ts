/**
 * The manifest of a shared model: everything about it that is public, signed by its owner, identical on the
 * three workers. Its digest names the model in every request, so a client and three workers that disagree
 * about anything in it cannot run a prediction together.
 */
import { z } from 'zod';
import { hexSchema } from './bytes.js';
import { PROTOCOL_NAMES, protocolNameSchema } from './protocols.js';

/** Limits that hold for every model; a manifest beyond one of them is refused. */
export const MODEL_LIMITS = {
  maxSteps: 512,
  maxWeights: 1024,
  maxWeightWords: 50_000_000,
  maxTensorElements: 10_000_000,
  maxManifestBytes: 1_048_576,
} as const;

export const modelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'a model name is 1 to 64 letters, digits, "_", "." or "-"');

const extent = z.int().min(1).max(1_000_000);
const offset = z.int().min(0).max(1_000_000);
const shape = z.array(extent).min(1).max(4);
const valueId = z.int().min(0).max(MODEL_LIMITS.maxSteps);
const stepBase = { name: z.string().max(1024), input: valueId, output: valueId };

const joinBase = { name: z.string().max(1024), inputs: z.array(valueId).min(1).max(64), output: valueId };

/** Whole numbers at the scale of the plan. */
const fixedPoint = z.int().min(-2_147_483_648).max(2_147_483_648);
const piece = z.strictObject({
  sign: z.union([z.literal(1), z.literal(-1)]),
  slope: fixedPoint,
  offset: fixedPoint,
});

const conv2dGeometry = z.strictObject({
  inHeight: extent,
  inWidth: extent,
  inChannels: extent,
  outHeight: extent,
  outWidth: extent,
  outChannels: extent,
  kernelHeight: extent,
  kernelWidth: extent,
  strideHeight: extent,
  strideWidth: extent,
  dilationHeight: extent,
  dilationWidth: extent,
  padTop: offset,
  padLeft: offset,
});

const poolGeometry = z.strictObject({
  inHeight: extent,
  inWidth: extent,
  channels: extent,
  outHeight: extent,
  outWidth: extent,
  poolHeight: extent,
  poolWidth: extent,
  strideHeight: extent,
  strideWidth: extent,
  padTop: offset,
  padLeft: offset,
});

const padGeometry = z.strictObject({
  inHeight: extent,
  inWidth: extent,
  channels: extent,
  outHeight: extent,
  outWidth: extent,
  padTop: offset,
  padLeft: offset,
});

const weightIndex = z.int().min(0).max(MODEL_LIMITS.maxWeights);

const activationBits = z.int().min(16).max(48);

const stepSchema = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('conv2d'),
    ...stepBase,
    geometry: conv2dGeometry,
    kernel: weightIndex,
    bias: weightIndex.nullable(),
  }),
  z.strictObject({
    op: z.literal('depthwiseConv2d'),
    ...stepBase,
    geometry: conv2dGeometry,
    kernel: weightIndex,
    bias: weightIndex.nullable(),
  }),
  z.strictObject({
    op: z.literal('piecewiseLinear'),
    ...stepBase,
    activationBits,
    pieces: z.array(piece).min(1).max(64),
  }),
  z.strictObject({ op: z.literal('add'), ...joinBase }),
  z.strictObject({ op: z.literal('concatenate'), ...joinBase, channels: z.array(extent).min(1).max(64) }),
  z.strictObject({ op: z.literal('averagePool2d'), ...stepBase, geometry: poolGeometry }),
  z.strictObject({ op: z.literal('truncate'), ...stepBase, activationBits }),
  z.strictObject({ op: z.literal('rectify'), ...stepBase, activationBits }),
  z.strictObject({ op: z.literal('maxPool2d'), ...stepBase, activationBits, geometry: poolGeometry }),
  z.strictObject({ op: z.literal('pad2d'), ...stepBase, geometry: padGeometry }),
  z.strictObject({
    op: z.literal('topClasses'),
    ...stepBase,
    activationBits,
    classes: z.int().min(2).max(100_000),
    top: z.int().min(1).max(100),
  }),
]);

/** Mirrors `Plan` of mpc-core, strictly; mpc-core's `validatePlan` then checks that the steps fit together. */
export const planSchema = z.strictObject({
  inputShape: shape,
  outputShape: shape,
  fractionalBits: z.int().min(1).max(24),
  outputBits: z.int().min(40).max(64),
  outputFractionalBits: z.int().min(0).max(48),
  outputActivation: z.enum(['linear', 'softmax', 'sigmoid', 'tanh']),
  weights: z
    .array(z.strictObject({ name: z.string().max(1024), shape, fractionalBits: z.int().min(1).max(48) }))
    .max(MODEL_LIMITS.maxWeights),
  steps: z.array(stepSchema).max(MODEL_LIMITS.maxSteps),
});

/** How a picture becomes the model's input: what the training data went through. */
export const preprocessingSchema = z.strictObject({
  kind: z.literal('mnist'),
  /** Grey picture, ink high on background 0, cropped, scaled into a 20x20 box, centred by mass in 28x28. */
  height: z.literal(28),
  width: z.literal(28),
  /** Pixel values 0..255 are divided by this. */
  divideBy: z.number().positive(),
});

/** The element types that a signature may name, as TensorFlow writes them. */
export const tensorTypeSchema = z.enum([
  'DT_FLOAT',
  'DT_DOUBLE',
  'DT_HALF',
  'DT_BFLOAT16',
  'DT_UINT8',
  'DT_INT8',
  'DT_INT16',
  'DT_INT32',
  'DT_INT64',
]);

const signatureTensor = z.strictObject({
  /** What clients call it: the key of the tensor in requests and answers. */
  name: z.string().min(1).max(256),
  /** Its name inside the model that was imported, such as "x:0". */
  tensor: z.string().min(1).max(512),
  dtype: tensorTypeSchema,
  /** With the batch axis; -1 is any extent. Null when the model leaves even the number of axes open. */
  shape: z.array(z.int().min(-1).max(1_000_000)).max(8).nullable(),
});

/**
 * How a model was called before it was imported: what a TensorFlow Serving client has to know. `plan.inputShape` and
 * `plan.outputShape` say what the workers take and give for one sample: the same elements, with at least one axis.
 */
export const modelSignatureSchema = z.strictObject({
  /** For example "serving_default". */
  name: z.string().min(1).max(256),
  /** For example "tensorflow/serving/predict". */
  method: z.string().max(256),
  input: signatureTensor,
  output: signatureTensor,
});

export type ModelSignature = z.infer<typeof modelSignatureSchema>;

const manifestFields = z.strictObject({
  format: z.literal(1),
  name: modelNameSchema,
  version: z.int().min(1).max(2_147_483_647),
  createdAt: z.iso.datetime(),
  plan: planSchema,
  /** Inputs outside this range are refused by the client: the range check of the model holds inside it only. */
  inputRange: z.strictObject({ min: z.number(), max: z.number() }),
  preprocessing: preprocessingSchema.nullable(),
  /** Absent in manifests that were signed before there were signatures. */
  signature: modelSignatureSchema.optional(),
  /** Class names, one per class, or null. */
  labels: z.array(z.string().max(128)).max(100_000).nullable(),
  /** Those that may run the model. The first is used where neither who serves it nor who asks names one. */
  protocols: z.array(protocolNameSchema).min(1).max(PROTOCOL_NAMES.length),
  /** SHA-256, lowercase hex, of the share file that worker 0, 1 and 2 hold. */
  shareDigests: z.tuple([hexSchema(32), hexSchema(32), hexSchema(32)]),
});

/** Checks each field, and that the fields fit together; whether the plan's steps do is for `validatePlan`. */
export const manifestSchema = manifestFields.superRefine((manifest, context) => {
  const { inputRange, labels, plan, preprocessing, protocols } = manifest;
  const last = plan.steps.at(-1);
  const outputs = plan.outputShape.reduce((product, extent) => product * extent, 1);
  // A plan that tells classes has fewer outputs than classes.
  const classes = last?.op === 'topClasses' ? last.classes : outputs;
  const inputs = plan.inputShape.reduce((product, extent) => product * extent, 1);
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (new Set(protocols).size !== protocols.length) refuse('protocols', 'each counts once');
  if (inputRange.min >= inputRange.max) refuse('inputRange', 'min must be less than max');
  if (labels !== null && labels.length !== classes) refuse('labels', `the model has ${classes} outputs`);
  if (preprocessing !== null && inputs !== preprocessing.height * preprocessing.width) {
    refuse('preprocessing', `pictures do not fit the model's ${inputs} inputs`);
  }
});

export type Manifest = z.infer<typeof manifestSchema>;

/** The manifest as it travels: the exact signed text, the owner's Ed25519 public key and signature, in hex. */
export const signedManifestSchema = z.strictObject({
  text: z.string().max(MODEL_LIMITS.maxManifestBytes),
  ownerKey: hexSchema(32),
  signature: hexSchema(64),
});

export type SignedManifest = z.infer<typeof signedManifestSchema>;
