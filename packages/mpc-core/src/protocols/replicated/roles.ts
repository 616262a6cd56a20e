/**
 * Roles in one session: a helper h, which deals correlated randomness and sees nothing of the run, and two
 * evaluators, h + 1 and h + 2. They are configuration; nothing else knows which worker has which.
 */
import { nextParty, type PartyIndex, previousParty } from '../../channel/channel.js';
import type { Link } from '../../random/session-streams.js';

export type Role = 'helper' | 'evaluator';

export interface Roles {
  readonly role: Role;
  readonly helper: PartyIndex;
  /** h + 1: holds public constants; its share of dealt material comes from its stream with the helper. */
  readonly leftEvaluator: PartyIndex;
  /** h + 2: its share of dealt material is sent to it. */
  readonly rightEvaluator: PartyIndex;
  /** At an evaluator: is it h + 1? */
  readonly isLeft: boolean;
  /** At an evaluator: the other one. */
  readonly other: PartyIndex;
  /** At an evaluator: its link to the helper. */
  readonly helperLink: Link;
}

export function rolesOf(party: PartyIndex, helper: PartyIndex): Roles {
  const leftEvaluator = nextParty(helper);
  const rightEvaluator = previousParty(helper);
  const isLeft = party === leftEvaluator;
  return {
    role: party === helper ? 'helper' : 'evaluator',
    helper,
    leftEvaluator,
    rightEvaluator,
    isLeft,
    other: isLeft ? rightEvaluator : leftEvaluator,
    helperLink: isLeft ? 'previous' : 'next',
  };
}

/** A figure of each party, by index, from those of the roles. */
export function byRole(
  helper: PartyIndex,
  ofHelper: number,
  ofLeft: number,
  ofRight: number,
): [number, number, number] {
  const figures: [number, number, number] = [0, 0, 0];
  figures[helper] = ofHelper;
  figures[nextParty(helper)] = ofLeft;
  figures[previousParty(helper)] = ofRight;
  return figures;
}
