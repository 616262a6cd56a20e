/** What was dealt ahead for one sample, in memory until a session takes it out. */
import type { Arena } from '../../kernels/arena.js';
import type { Material } from '../protocol.js';
import type { PreparedOperation } from './supply.js';

export class PreparedMaterial implements Material {
  private operations: readonly PreparedOperation[] | null;

  constructor(
    operations: readonly PreparedOperation[],
    private readonly arena: Arena,
    readonly transcripts: Uint8Array,
  ) {
    this.operations = operations;
  }

  get bytes(): number {
    return this.arena.bytes;
  }

  /** @throws Error when it was taken or released before: two openings under one mask reveal a difference of secrets */
  take(): readonly PreparedOperation[] {
    const { operations } = this;
    if (operations === null) throw new Error('This material was used before, or released.');
    this.operations = null;
    return operations;
  }

  release(): void {
    this.operations = null;
    this.arena.release();
  }
}

/** @throws Error when the material is another protocol's, or spent */
export function takePrepared(material: Material): readonly PreparedOperation[] {
  if (!(material instanceof PreparedMaterial)) {
    throw new Error('This material was not prepared by this protocol.');
  }
  return material.take();
}
