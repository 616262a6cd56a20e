/** The protocols whose declared costs this page can work out. */
import { fss, type Protocol, replicated, securenn } from '@trivet/mpc-core';
import type { ProtocolName } from '@trivet/shared-types';

const PROTOCOLS: Partial<Readonly<Record<ProtocolName, Protocol>>> = {
  replicated: replicated(),
  fss: fss(),
  securenn: securenn(),
};

/** Null for one that this page does not know. */
export function protocolNamed(name: ProtocolName): Protocol | null {
  return PROTOCOLS[name] ?? null;
}

export function knownProtocols(): readonly Protocol[] {
  return Object.values(PROTOCOLS);
}
