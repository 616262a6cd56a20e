/**
 * Follows a TensorFlow graph from an output back to the input, functions inlined, and translates what lies between.
 */
import { ModelFormatError } from '../errors.js';
import type { LayerBuilder } from '../ops/builder.js';
import type { Constant } from '../ops/values.js';
import { Unsupported } from '../unsupported.js';
import type { FunctionMessage, GraphMessage, NodeMessage } from './messages.js';
import { Operation, type Value } from './operation.js';
import { isSupported, translate } from './operations.js';
import { byName, calledFunction, functionsOf, parseReference } from './references.js';
import { constantOf } from './tensor.js';

const VARIABLES: ReadonlySet<string> = new Set(['VarHandleOp', 'VariableV2', 'Variable']);
const MAX_CALL_DEPTH = 64;
/** Functions that call each other can make a small file run for ever. */
const MAX_OPERATIONS = 200_000;

interface Scope {
  readonly nodes: ReadonlyMap<string, NodeMessage>;
  /** Values that are given from outside: by the name of a tensor ("x:0"), or of a function's argument. */
  readonly given: ReadonlyMap<string, Value>;
  readonly depth: number;
}

export class Tracer {
  readonly #graph: ReadonlyMap<string, NodeMessage>;
  readonly #functions: ReadonlyMap<string, FunctionMessage>;
  #operations = 0;

  /** @param readVariable value of the variable with this node name */
  constructor(
    graph: GraphMessage,
    private readonly builder: LayerBuilder,
    private readonly readVariable: (node: string) => Constant,
  ) {
    this.#graph = byName(graph.nodes);
    this.#functions = functionsOf(graph);
  }

  /**
   * @param output name of the tensor to compute
   * @param given tensors that are fed: nothing before them is looked at
   * @throws ModelFormatError when the graph is not well formed
   */
  trace(output: string, given: ReadonlyMap<string, Value>): Value {
    return this.#evaluate({ nodes: this.#graph, given, depth: 0 }, [output])[0]!;
  }

  #evaluate(scope: Scope, outputs: readonly string[]): readonly Value[] {
    const done = new Map<string, readonly Value[]>();
    for (const node of this.#order(scope, outputs)) done.set(node.name, this.#run(scope, node, done));
    return outputs.map((output) => this.#value(scope, output, done));
  }

  /** The nodes that the outputs need, each after those that it reads. Depth first, without recursion. */
  #order(scope: Scope, outputs: readonly string[]): readonly NodeMessage[] {
    const order: NodeMessage[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const stack = outputs.flatMap((output) => this.#needed(scope, output));
    for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
      const known = state.get(name);
      if (known === undefined) {
        state.set(name, 'open');
        const inputs = this.#dataInputs(this.#node(scope, name));
        const needed = inputs.flatMap((input) => this.#needed(scope, input));
        const cycle = needed.find((other) => state.get(other) === 'open');
        if (cycle !== undefined) {
          throw new ModelFormatError(`The graph goes round in a circle at "${cycle}".`);
        }
        stack.push(...needed.filter((other) => !state.has(other)));
        continue;
      }
      stack.pop();
      if (known === 'done') continue;
      state.set(name, 'done');
      order.push(this.#node(scope, name));
    }
    return order;
  }

  #needed(scope: Scope, input: string): readonly string[] {
    const reference = parseReference(input);
    if (reference === null || scope.given.has(input)) return [];
    if (scope.given.has(`${reference.node}:${reference.index}`)) return [];
    return [reference.node];
  }

  #node(scope: Scope, name: string): NodeMessage {
    const node = scope.nodes.get(name);
    if (node === undefined) throw new ModelFormatError(`The graph has no operation "${name}".`);
    return node;
  }

  #dataInputs(node: NodeMessage): readonly string[] {
    return node.input.filter((input) => !input.startsWith('^'));
  }

  #value(scope: Scope, input: string, done: ReadonlyMap<string, readonly Value[]>): Value {
    const { node, output, index } = parseReference(input)!;
    const given = scope.given.get(input) ?? scope.given.get(`${node}:${index}`);
    if (given !== undefined) return given;
    const outputs = done.get(node) ?? [];
    // Batch normalization gives its statistics as well; inside a function they have names.
    const value = output.startsWith('batch_') || output.startsWith('reserve_') ? undefined : outputs[index];
    if (value === undefined) throw new ModelFormatError(`Nothing computes "${input}".`);
    return value;
  }

  #run(scope: Scope, node: NodeMessage, done: ReadonlyMap<string, readonly Value[]>): readonly Value[] {
    if (++this.#operations > MAX_OPERATIONS) {
      throw new ModelFormatError(`The graph has more than ${MAX_OPERATIONS} operations.`);
    }
    if (node.op === 'Const') return [constantOf(node)];
    if (VARIABLES.has(node.op)) return [{ kind: 'variable', node: node.name }];
    const inputs = this.#dataInputs(node).map((input) => this.#value(scope, input, done));
    const called = calledFunction(node);
    if (called !== null) return this.#call(node, called, inputs, scope.depth);
    if (node.op === 'IdentityN') return inputs;
    return [this.#translate(node, inputs)];
  }

  #call(node: NodeMessage, name: string, inputs: readonly Value[], depth: number): readonly Value[] {
    const called = this.#functions.get(name);
    if (called?.signature === undefined) {
      throw new ModelFormatError(`Operation "${node.name}" calls "${name}", which is not in the model.`);
    }
    if (depth === MAX_CALL_DEPTH) throw new ModelFormatError('The functions of the model call each other.');
    const names = called.signature.inputs.map((argument) => argument.name);
    if (names.length !== inputs.length) {
      throw new ModelFormatError(`Operation "${node.name}" calls "${name}" with ${inputs.length} arguments.`);
    }
    const given = new Map(names.map((argument, index) => [argument, inputs[index]!]));
    const outputs = called.signature.outputs.map((output) => called.results.get(output.name) ?? '');
    return this.#evaluate({ nodes: byName(called.nodes), given, depth: depth + 1 }, outputs);
  }

  #translate(node: NodeMessage, inputs: readonly Value[]): Value {
    const unknown = inputs.find((input) => input.kind === 'unknown');
    // After an unsupported operation only the kinds of those that follow can be told.
    if (unknown !== undefined && isSupported(node.op)) return unknown;
    try {
      return translate(new Operation(node, inputs, this.builder, this.readVariable));
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      const from = inputs.flatMap((input) => ('layer' in input ? [input.layer] : []));
      const layer = this.builder.add(node.name, from.slice(0, 1), {
        type: 'Unsupported',
        className: node.op,
        reason: error.reason,
      });
      return { kind: 'unknown', layer };
    }
  }
}
