/** The protocols that a worker runs, by name. All three workers of a cluster take the same roles in each. */
import { fss, type PartyIndex, type Protocol, replicated, securenn } from '@trivet/mpc-core';
import { type Manifest, type ProtocolName, TrivetError } from '@trivet/shared-types';

/** A protocol with each of the three workers as its helper. */
export type ProtocolFamily = readonly [Protocol, Protocol, Protocol];
export type ProtocolTable = Readonly<Partial<Record<ProtocolName, ProtocolFamily>>>;

const family = (make: (helper: PartyIndex) => Protocol): ProtocolFamily => [make(0), make(1), make(2)];

export function createProtocols(): ProtocolTable {
  return { replicated: family(replicated), fss: family(fss), securenn: family(securenn) };
}

/**
 * The protocol with this name, if its owner lets it run the model.
 * @throws TrivetError FAILED_PRECONDITION
 */
export function allowedProtocol(
  table: ProtocolTable,
  { name, protocols }: Pick<Manifest, 'name' | 'protocols'>,
  chosen: ProtocolName,
  worker: string,
): ProtocolFamily {
  if (!protocols.includes(chosen)) {
    throw new TrivetError(
      'FAILED_PRECONDITION',
      `The owner of "${name}" allows ${protocols.join(', ')}, and not ${chosen}: share it again to change that.`,
      worker,
    );
  }
  const protocol = table[chosen];
  if (protocol === undefined) {
    throw new TrivetError('FAILED_PRECONDITION', `${worker} does not know the protocol ${chosen}.`, worker);
  }
  return protocol;
}
