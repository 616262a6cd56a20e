/** A session whose truncations and rectifications are its role's, and whose local operations are those of replicated shares. */
import type { Additive, Shared } from '../../sharing/values.js';
import type { Reduction } from '../protocol.js';
import { RoleOperations } from '../replicated/local.js';

export interface Side {
  truncate(z: Additive, reduction: Reduction): Promise<Shared>;
  rectify(z: Additive, reduction: Reduction): Promise<Shared>;
}

export abstract class SideSession extends RoleOperations {
  protected abstract readonly side: Side;

  async truncate(z: Additive, reduction: Reduction): Promise<Shared> {
    this.operation++;
    return this.side.truncate(z, reduction);
  }

  async rectify(z: Additive, reduction: Reduction): Promise<Shared> {
    this.operation++;
    return this.side.rectify(z, reduction);
  }
}
