/**
 * Which tensor of the checkpoint belongs to which variable. TensorFlow finds out by running the graph's restore
 * operation; so do we, as far as it assigns tensors of one RestoreV2 to variables. The names of variables alone do not
 * tell: TensorFlow 2 stores them by where they hang in an object.
 */
import { ModelFormatError } from '../errors.js';
import type { GraphMessage, NodeMessage } from './messages.js';
import { byName, calledFunction, functionsOf, nodeOf, parseReference } from './references.js';
import { constantTexts } from './tensor.js';

/** Nodes that only pass a value on. */
const PASSES: ReadonlySet<string> = new Set(['Identity', 'Cast']);
const VARIABLES: ReadonlySet<string> = new Set(['VarHandleOp', 'VariableV2', 'Variable']);
const ASSIGNMENTS: ReadonlySet<string> = new Set(['Assign', 'AssignVariableOp']);
const MAX_DEPTH = 16;
const MAX_PASSES = 100;

interface Scope {
  readonly nodes: ReadonlyMap<string, NodeMessage>;
  /** Arguments of the function: the variable behind each. */
  readonly arguments: ReadonlyMap<string, string>;
}

/**
 * @param restoreOp name of the operation that restores all variables
 * @returns node of the variable -> name of the tensor in the checkpoint
 */
export function restoredVariables(graph: GraphMessage, restoreOp: string): ReadonlyMap<string, string> {
  const functions = functionsOf(graph);
  const found = new Map<string, string>();

  const visit = (scope: Scope, nodes: readonly NodeMessage[], depth: number): void => {
    if (depth > MAX_DEPTH) throw new ModelFormatError('The restore functions of the model call each other.');
    for (const node of nodes) {
      if (ASSIGNMENTS.has(node.op)) {
        const variable = variableBehind(scope, node.input[0] ?? '');
        const key = tensorBehind(scope, node.input[1] ?? '');
        if (variable !== null && key !== null) found.set(variable, key);
      }
      const name = calledFunction(node);
      const called = name === null ? undefined : functions.get(name);
      if (called === undefined) continue;
      const inputs = called.signature?.inputs ?? [];
      const given = inputs.map(
        ({ name: argument }, index) => [argument, variableBehind(scope, node.input[index] ?? '')] as const,
      );
      const bound = new Map(
        given.flatMap(([argument, variable]) => (variable === null ? [] : [[argument, variable]])),
      );
      visit({ nodes: byName(called.nodes), arguments: bound }, called.nodes, depth + 1);
    }
  };

  const scope = { nodes: byName(graph.nodes), arguments: new Map<string, string>() };
  visit(scope, reachable(scope.nodes, restoreOp.split(':')[0]!), 0);
  return found;
}

/** The node and all that it depends on, control dependencies included. */
function reachable(nodes: ReadonlyMap<string, NodeMessage>, start: string): readonly NodeMessage[] {
  const seen = new Set<string>();
  const waiting = [start];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const node = nodes.get(name);
    if (node === undefined || seen.has(name)) continue;
    seen.add(name);
    for (const input of node.input) waiting.push(nodeOf(input));
  }
  return [...seen].map((name) => nodes.get(name)!);
}

function variableBehind(scope: Scope, input: string): string | null {
  const found = follow(scope, input);
  if (found === null) return null;
  const bound = scope.arguments.get(found.name);
  if (bound !== undefined) return bound;
  return found.node !== undefined && VARIABLES.has(found.node.op) ? found.name : null;
}

function tensorBehind(scope: Scope, input: string): string | null {
  const found = follow(scope, input);
  if (found?.node === undefined || found.node.op !== 'RestoreV2') return null;
  const names = textsBehind(scope, found.node.input[1] ?? '');
  const slices = textsBehind(scope, found.node.input[2] ?? '');
  if ((slices[found.index] ?? '') !== '') {
    throw new ModelFormatError(
      `Variable "${names[found.index]}" is stored in slices, which is not supported.`,
    );
  }
  return names[found.index] ?? null;
}

function textsBehind(scope: Scope, input: string): readonly string[] {
  const node = follow(scope, input)?.node;
  return node?.op === 'Const' ? constantTexts(node) : [];
}

function follow(scope: Scope, input: string): { name: string; index: number; node?: NodeMessage } | null {
  let reference = parseReference(input);
  for (let step = 0; reference !== null && step < MAX_PASSES; step++) {
    const node = scope.nodes.get(reference.node);
    if (node === undefined || !PASSES.has(node.op)) {
      const { node: name, index } = reference;
      return node === undefined ? { name, index } : { name, index, node };
    }
    reference = parseReference(node.input[0] ?? '');
  }
  return null;
}
