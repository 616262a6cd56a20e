/**
 * `plaintext`: the same interface in the clear, run by a single party. It defines what the other protocols must
 * compute; it protects nothing and is never offered by a worker. A value lives in `first`; `second` is the same vector.
 */
import type { Conv2DGeometry } from '../../graph/plan.js';
import type { Pointer } from '../../kernels/kernels.js';
import { LocalOperations } from '../../sharing/local.js';
import type { Additive, LinearWeights, Shared } from '../../sharing/values.js';
import type { Cost, Protocol, ProtocolSession, Reduction, SessionContext, Traffic } from '../protocol.js';

const NO_COST: Cost = { rounds: 0, bytesSent: [0, 0, 0], bytesDealt: [0, 0, 0], bytesDealtTo: [0, 0, 0] };

class PlaintextSession extends LocalOperations implements ProtocolSession {
  readonly traffic: Traffic = { rounds: 0, bytesSent: 0, bytesReceived: 0, bytesDealt: 0 };

  constructor(private readonly session: SessionContext) {
    super(session.kernels, session.arena, session.fractionalBits);
  }

  linear(x: Shared, weights: LinearWeights, batch: number, geometry: Conv2DGeometry, bits: number): Additive {
    return this.sumOfProducts([{ x: x.first, form: 'first' }], weights, batch, geometry, bits);
  }

  async truncate(z: Additive, { shift }: Reduction): Promise<Shared> {
    return this.map(z, (value) => value >> BigInt(shift));
  }

  async rectify(z: Additive, { shift }: Reduction): Promise<Shared> {
    return this.map(z, (value) => (value < 0n ? 0n : value >> BigInt(shift)));
  }

  reveal(z: Additive, samples: number, bits: number): Additive {
    return this.checked(z, samples, bits);
  }

  /** Applies `f` to each value as a signed 64-bit number. */
  private map(z: Additive, f: (value: bigint) => bigint): Shared {
    const words: Pointer = this.arena.words(z.n);
    const view = new DataView(this.session.kernels.memory.bytes.buffer);
    for (let i = 0; i < z.n; i++) {
      const value = BigInt.asIntN(64, view.getBigUint64(z.words + 8 * i, true));
      view.setBigUint64(words + 8 * i, BigInt.asUintN(64, f(value)), true);
    }
    return { first: words, second: words, n: z.n };
  }
}

export function plaintext(): Protocol {
  return {
    name: 'plaintext',
    open: (session) => new PlaintextSession(session),
    truncateCost: () => NO_COST,
    rectifyCost: () => NO_COST,
  };
}
