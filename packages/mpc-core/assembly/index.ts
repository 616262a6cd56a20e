// Entry of the WASM module. The host owns the memory above heapBase(); kernels keep no state between calls.

export { add, addBias, addConstant, gather, pack, subtract, unpack, xor } from './words';
export { appendChecks } from './checks';
export { addDigest } from './digest';
export { chacha20 } from './chacha20';
export { averagePool2d, conv2d, depthwiseConv2d } from './convolution';
export { bitPlanes, combineGroup, compareBlock, groupProducts, subsetProducts } from './comparison';
export { compareDigits, permuteDigits, sampleDigits, sampleSwaps, shareDigits, zeroDigits } from './digits';
export { conv2dNarrow, prepareNarrow } from './narrow';
export { comparisonKeys, compareWithKeys, expandRoots } from './distributed';
export { addOdd, compareTargets, finishConvert, maskConvert, sampleOdd, shareOdd, sumCarry } from './odd-ring';
export { scratchBytes, setScratch } from './scratch';
export { select, selectMaterial, truncate, truncateMaterial } from './selection';

export function heapBase(): usize {
  return __heap_base;
}
