/**
 * Has a worker send garbage of the right length: `node --import garbage.mjs main.js --config FILE`. The program itself has no
 * hook: what is wrapped is what sends its frames, and what gives its replies.
 *
 * The file FILE.garbage, { frames: [...], replies: [...] }, names which frames of the protocol, and which replies, counted from 1
 * since it was written, are replaced by random bytes. It is removed once all of them were.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { createKernels, createParty } from '@trivet/mpc-core';
import { FRAME_KINDS } from '../../dist/mesh/frames.js';
import { Link } from '../../dist/mesh/link.js';

const file = `${process.argv[process.argv.indexOf('--config') + 1]}.garbage`;
let order = null;
let counts = { frames: 0, replies: 0 };

/** Is this one to be garbage? */
function isGarbage(kind) {
  if (order === null) {
    try {
      order = JSON.parse(readFileSync(file, 'utf8'));
    } catch {
      return false;
    }
    counts = { frames: 0, replies: 0 };
  }
  counts[kind] += 1;
  const found = order[kind].includes(counts[kind]);
  order[kind] = order[kind].filter((number) => number > counts[kind]);
  if (order.frames.length + order.replies.length === 0) {
    order = null;
    rmSync(file);
  }
  return found;
}

const { send } = Link.prototype;
Link.prototype.send = function (kind, payload, ...rest) {
  const isSpoilt = kind === FRAME_KINDS.data && isGarbage('frames');
  return send.call(this, kind, isSpoilt ? randomBytes(payload.length) : payload, ...rest);
};

const Party = Object.getPrototypeOf(createParty(0, await createKernels()));
const { run } = Party;
Party.run = async function (...parameters) {
  const result = await run.apply(this, parameters);
  if (!isGarbage('replies')) return result;
  return { ...result, outputs: result.outputs.map((words) => randomBytes(words.length)) };
};
