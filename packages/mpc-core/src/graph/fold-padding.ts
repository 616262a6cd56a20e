/** Zero padding before a convolution is padding of the convolution: nothing needs to be moved for it. */
import { convolutionPaddingAfter, type Joined, type OperationNode, windowExtent } from './operations.js';

/**
 * @returns both as one node, or null when they are not a padding and a convolution, or when the padding is so
 * wide that a window would lie wholly in it (plans do not allow that)
 */
export function foldPadding(left: OperationNode, right: OperationNode): Joined {
  if (left.operation.kind !== 'pad' || right.operation.kind !== 'linear') return null;
  const pad = left.operation.geometry;
  const g = right.operation.geometry;
  const sameImage =
    pad.outHeight === g.inHeight && pad.outWidth === g.inWidth && pad.channels === g.inChannels;
  if (!sameImage) return null;
  const geometry = {
    ...g,
    inHeight: pad.inHeight,
    inWidth: pad.inWidth,
    padTop: g.padTop + pad.padTop,
    padLeft: g.padLeft + pad.padLeft,
  };
  const windowHeight = windowExtent(g.kernelHeight, g.dilationHeight);
  const windowWidth = windowExtent(g.kernelWidth, g.dilationWidth);
  const [bottom, side] = convolutionPaddingAfter(geometry);
  const fits =
    geometry.padTop < windowHeight &&
    bottom < windowHeight &&
    geometry.padLeft < windowWidth &&
    side < windowWidth;
  if (!fits) return null;
  return {
    name: `${left.name}+${right.name}`,
    operation: { ...right.operation, geometry },
    outputShape: right.outputShape,
  };
}
