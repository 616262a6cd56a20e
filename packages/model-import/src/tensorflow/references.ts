/** How nodes of a TensorFlow graph, and of its functions, name what they read. */
import type { FunctionMessage, GraphMessage, NodeMessage } from './messages.js';

export interface Reference {
  readonly node: string;
  /** Name of the output list; empty in a graph, where there are numbers only. */
  readonly output: string;
  readonly index: number;
}

/** "node", "node:1" and, inside functions, "node:output:1". Null for a control dependency ("^node"). */
export function parseReference(input: string): Reference | null {
  if (input.startsWith('^')) return null;
  const match = /^([^:]*)(?::([^:\d][^:]*))?(?::(\d+))?$/.exec(input);
  if (match === null) return { node: input, output: '', index: 0 };
  return { node: match[1]!, output: match[2] ?? '', index: Number(match[3] ?? 0) };
}

/** The node that an input names, control dependencies included. */
export function nodeOf(input: string): string {
  const name = input.startsWith('^') ? input.slice(1) : input;
  const colon = name.indexOf(':');
  return colon === -1 ? name : name.slice(0, colon);
}

export function byName(nodes: readonly NodeMessage[]): ReadonlyMap<string, NodeMessage> {
  return new Map(nodes.map((node) => [node.name, node]));
}

/** The functions of a graph's library by name. */
export function functionsOf(graph: GraphMessage): ReadonlyMap<string, FunctionMessage> {
  return new Map((graph.library?.functions ?? []).map((each) => [each.signature?.name ?? '', each]));
}

const CALLS: ReadonlySet<string> = new Set(['PartitionedCall', 'StatefulPartitionedCall']);

/** The function that a node calls, or null when it is no call. */
export function calledFunction(node: NodeMessage): string | null {
  return CALLS.has(node.op) ? (node.attr.get('f')?.func?.name ?? '') : null;
}
