/** Which protocols have their material dealt before the request comes. */
import { DEFAULT_SETTINGS } from '@trivet/workers';

/** Whether workers of a new cluster deal ahead for a protocol. */
export function dealsAhead(protocol: string): boolean {
  return (DEFAULT_SETTINGS.pool.protocols as readonly string[]).includes(protocol);
}
