/**
 * What `trivet check` says of time: the cost model for this machine's arithmetic, measured now, on three networks. No
 * cluster runs, so what a service adds is taken from the bench.
 */
import { cpus } from 'node:os';
import {
  calibrate,
  fss,
  type Network,
  type Overheads,
  type Plan,
  predict,
  replicated,
  securenn,
} from '@trivet/mpc-core';
import { PROTOCOL_NAMES, type ProtocolName } from '@trivet/shared-types';
import { createProgress } from '../terminal/progress.js';

const PROTOCOLS = { replicated, fss, securenn } as const;

/** Where the three workers and the client are. */
export type NetworkName = 'local' | 'lan' | 'wan';

export const NETWORKS: Readonly<Record<NetworkName, Network>> = {
  /** Three workers on this machine. */
  local: { roundTripMs: 0, megabitsPerSecond: 10_000, cores: cpus().length },
  /** A machine like this one each. */
  lan: { roundTripMs: 0.2, megabitsPerSecond: 1000, cores: 3 },
  wan: { roundTripMs: 40, megabitsPerSecond: 100, cores: 3 },
};

/** On loopback, as `pnpm bench --predict` measured them on the machine of docs/benchmarks.md; it measures a machine's own. */
export const OVERHEADS: Readonly<Record<ProtocolName, Overheads>> = {
  replicated: {
    requestMs: 2,
    sampleMs: 0.13,
    roundMs: 0.03,
    contention: 3,
    loadedContention: 2.9,
    byteNanos: 1.6,
  },
  fss: {
    requestMs: 2,
    sampleMs: 0.75,
    roundMs: 0.06,
    contention: 2.2,
    loadedContention: 2.1,
    byteNanos: 1.6,
  },
  securenn: {
    requestMs: 2,
    sampleMs: 0.16,
    roundMs: 0.12,
    contention: 1.5,
    loadedContention: 1.5,
    byteNanos: 1.6,
  },
};

/** One request of one sample under a protocol, between the three workers; what the client sends comes on top. */
export interface ProtocolCost {
  readonly protocol: ProtocolName;
  readonly rounds: number;
  /** By worker; what is dealt included. */
  readonly bytesSent: readonly [number, number, number];
  /** What of it depends on no input. */
  readonly bytesDealt: readonly [number, number, number];
  /** Whether workers deal it before the request comes, as `trivet init` configures them: then no request waits for it. */
  readonly dealtAhead: boolean;
  /** CPU time of the three workers together, dealing included. */
  readonly computeMs: number;
  /** From the client's numbers to its logits. */
  readonly requestMs: Readonly<Record<NetworkName, number>>;
}

/** Measures this machine for a second or two, with progress on stderr, and predicts. */
export async function protocolCosts(plan: Plan): Promise<readonly ProtocolCost[]> {
  // Worker code is slow to load: not before it is needed.
  const { dealsAhead } = await import('../deals-ahead.js');
  const progress = createProgress('Measuring this machine', 'protocols');
  const costs: ProtocolCost[] = [];
  try {
    for (const [done, name] of PROTOCOL_NAMES.entries()) {
      progress.update(done, PROTOCOL_NAMES.length);
      const protocol = PROTOCOLS[name]();
      const machine = { speed: await calibrate(protocol), overheads: OVERHEADS[name] };
      const dealtAhead = dealsAhead(name);
      const on = (network: NetworkName) => predict(plan, protocol, NETWORKS[network], machine, 1, dealtAhead);
      const { rounds, bytesSent, bytesDealt, computeMs, latencyMs: local } = on('local');
      const requestMs = { local, lan: on('lan').latencyMs, wan: on('wan').latencyMs };
      costs.push({ protocol: name, rounds, bytesSent, bytesDealt, dealtAhead, computeMs, requestMs });
    }
  } finally {
    progress.end();
  }
  return costs;
}
