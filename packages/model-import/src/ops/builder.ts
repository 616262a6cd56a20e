/** Collects the layers that a graph of operations is translated to. */
import type { Layer, LayerNode } from '@trivet/mpc-core';

const MAX_LAYERS = 10_000;

export class LayerBuilder {
  readonly nodes: LayerNode[] = [];
  readonly #names: Set<string>;

  /** @param input the name of the model's input */
  constructor(readonly input: string) {
    this.#names = new Set([input]);
  }

  /** Adds a layer. @returns its name: the wanted one, or a free one like it */
  add(wanted: string, inputs: readonly string[], layer: Layer): string {
    if (this.nodes.length === MAX_LAYERS) throw new RangeError(`more than ${MAX_LAYERS} layers`);
    let name = wanted;
    for (let number = 1; this.#names.has(name); number++) name = `${wanted}_${number}`;
    this.#names.add(name);
    this.nodes.push({ name, inputs, layer });
    return name;
  }
}
