/// <reference types="vite/client" />

/** Real MNIST test digits, put there by vite/mnist-samples.ts. */
declare module 'virtual:mnist-samples' {
  const samples: readonly {
    /** Position in the MNIST test set. */
    readonly index: number;
    readonly label: number;
    /** 784 grey values, base64. */
    readonly pixels: string;
  }[];
  export default samples;
}
