/** The protocols that a worker runs, by name. All three workers of a cluster take the same roles in each. */
import { type Protocol, replicated, securenn } from '@trivet/mpc-core';
import { type Manifest, type ProtocolName, TrivetError } from '@trivet/shared-types';

export type ProtocolTable = Readonly<Partial<Record<ProtocolName, Protocol>>>;

export function createProtocols(): ProtocolTable {
  return { replicated: replicated(), securenn: securenn() };
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
): Protocol {
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
