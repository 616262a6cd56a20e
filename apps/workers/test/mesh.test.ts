import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { PartyIndex } from '@trivet/mpc-core';
import { TrivetError } from '@trivet/shared-types';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCertificateAuthority, type PemPair } from '../src/cluster/certificates.js';
import { BusyPoll } from '../src/mesh/busy-poll.js';
import { FRAME_KINDS, sessionKeyOf } from '../src/mesh/frames.js';
import { meshIdentity } from '../src/mesh/identity.js';
import type { Link } from '../src/mesh/link.js';
import { Mesh, type MeshOptions } from '../src/mesh/mesh.js';
import type { Session } from '../src/mesh/session.js';
import { Sessions } from '../src/mesh/sessions.js';
import { freePorts, until } from './support/cluster.js';

const CLUSTER = 'c0'.repeat(16);
const NAMES = ['alice', 'bob', 'carol'] as const;

/** One worker's mesh and sessions, and what it has seen. */
class Node {
  readonly mesh: Mesh;
  readonly busyPoll = new BusyPoll(0);
  readonly sessions: Sessions;
  readonly refusals: string[] = [];
  readonly losses: TrivetError[] = [];

  constructor(
    index: number,
    ports: readonly number[],
    pair: PemPair,
    ca: string,
    more: Partial<MeshOptions> = {},
  ) {
    const self = { index: index as PartyIndex, name: NAMES[index]! };
    this.sessions = new Sessions(self, this.busyPoll);
    this.mesh = new Mesh({
      clusterId: CLUSTER,
      self,
      host: '127.0.0.1',
      port: ports[index]!,
      peers: [0, 1, 2]
        .filter((i) => i !== index)
        .map((i) => ({ index: i as PartyIndex, name: NAMES[i]!, host: '127.0.0.1', port: ports[i]! })),
      certificate: pair.certificate,
      key: pair.key,
      ca,
      heartbeatMs: 20,
      peerTimeoutMs: 2000,
      maxFrameBytes: 1_000_000,
      handler: {
        linkUp: () => {},
        linkDown: (link, error) => {
          this.losses.push(error);
          this.sessions.linkDown(link, error);
        },
        frame: (link, kind, session, step, payload) =>
          this.sessions.frame(link, kind, session, step, payload),
        refused: (reason) => this.refusals.push(reason),
      },
      ...more,
    });
  }

  link(peer: number): Link {
    return this.mesh.link(peer as PartyIndex)!;
  }

  get connected(): boolean {
    return [0, 1, 2].filter((i) => this.mesh.link(i as PartyIndex) !== undefined).length === 2;
  }
}

let ca: string;
let pairs: PemPair[];
let foreign: { ca: string; pairs: PemPair[] };
let open: Mesh[] = [];

beforeAll(async () => {
  const make = async () => {
    const authority = await createCertificateAuthority(CLUSTER, 1);
    return {
      ca: authority.certificate,
      pairs: await Promise.all(NAMES.map((name) => authority.issue(name))),
    };
  };
  ({ ca, pairs } = await make());
  foreign = await make();
});
afterEach(async () => {
  await Promise.all(open.map((mesh) => mesh.close()));
  open = [];
});

async function start(
  ports: readonly number[],
  index: number,
  more: Partial<MeshOptions> = {},
): Promise<Node> {
  const node = new Node(index, ports, pairs[index]!, ca, more);
  open.push(node.mesh);
  await node.mesh.start();
  return node;
}

async function three(more: Partial<MeshOptions> = {}): Promise<{ nodes: Node[]; ports: number[] }> {
  const ports = await freePorts(3);
  const nodes = await Promise.all([0, 1, 2].map((index) => start(ports, index, more)));
  await until(() => nodes.every((node) => node.connected), 'all connected');
  return { nodes, ports };
}

const sessionId = (counter: number) => {
  const id = Buffer.alloc(16, 9);
  id.writeBigUInt64BE(BigInt(counter), 8);
  return sessionKeyOf(id);
};

describe('the mesh', () => {
  it('gives every pair one fresh key, the same at both ends, and a round-trip time', async () => {
    const { nodes } = await three();
    const keys = new Set<string>();
    for (const [a, b] of [
      [0, 1],
      [1, 2],
      [2, 0],
    ] as const) {
      const [there, back] = [nodes[a]!.link(b), nodes[b]!.link(a)];
      expect(Buffer.from(there.key).equals(Buffer.from(back.key))).toBe(true);
      expect(there.id).toBe(back.id);
      expect(there.key).toHaveLength(32);
      keys.add(Buffer.from(there.key).toString('hex'));
    }
    expect(keys.size).toBe(3);
    await until(() => nodes[0]!.link(1).roundTripMs !== null, 'a heartbeat');
    expect(nodes[0]!.link(1).roundTripMs).toBeGreaterThan(0);
  });

  it('makes no buffer for frames once it has some, even for those that span what is read at once', async () => {
    const seen: string[] = [];
    const frame = (_link: Link, _kind: number, _session: string, _step: number, payload: Uint8Array) => {
      seen.push(Buffer.from(payload.subarray(0, 2)).toString());
    };
    const handler = { linkUp: () => {}, linkDown: () => {}, frame, refused: () => {} };
    const { nodes } = await three({ handler, heartbeatMs: 60_000 });
    const send = async (name: string) => {
      nodes[0]!.link(1).send(FRAME_KINDS.served, Buffer.alloc(50_000, name));
      await until(() => seen.at(-1) === name, name);
    };
    for (let i = 10; i < 13; i++) await send(String(i));
    const before = nodes.map(({ mesh }) => mesh.buffersMade);
    for (let i = 13; i < 40; i++) await send(String(i));
    expect(nodes.map(({ mesh }) => mesh.buffersMade)).toEqual(before);
  });

  it('writes a frame that is in no hurry with the next one, or soon by itself', async () => {
    const seen: string[] = [];
    const frame = (_link: Link, kind: number, _session: string, _step: number, payload: Uint8Array) => {
      if (kind === FRAME_KINDS.served) seen.push(Buffer.from(payload).toString());
    };
    const handler = { linkUp: () => {}, linkDown: () => {}, frame, refused: () => {} };
    // Heartbeats would be the next frame.
    const { nodes } = await three({ handler, heartbeatMs: 60_000 });
    const link = nodes[0]!.link(1);
    const { socket } = link as unknown as { socket: TLSSocket };
    const written: number[] = [];
    const { write } = socket;
    socket.write = ((chunk: Buffer, done: () => void) => {
      written.push(chunk.length);
      return write.call(socket, chunk, done as never);
    }) as typeof socket.write;

    const before = link.bytesSent;
    for (const text of ['one', 'two']) link.sendUnhurried(FRAME_KINDS.served, Buffer.from(text));
    expect(written).toEqual([]);
    link.send(FRAME_KINDS.served, Buffer.from('three'));
    expect(written).toEqual([link.bytesSent - before]);
    await until(() => seen.length === 3, 'all three');
    link.sendUnhurried(FRAME_KINDS.served, Buffer.from('four'));
    await until(() => seen.length === 4, 'the last one, by itself');
    expect(seen).toEqual(['one', 'two', 'three', 'four']);
    expect(written).toHaveLength(2);

    // What waits when the link is closed is still sent; later ones are not.
    link.sendUnhurried(FRAME_KINDS.served, Buffer.from('five'));
    link.close(new TrivetError('UNAVAILABLE', 'enough'));
    link.sendUnhurried(FRAME_KINDS.served, Buffer.from('six'));
    await until(() => seen.length === 5, 'what was sent before the link was closed');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.at(-1)).toBe('five');
  });

  it('reconnects by itself, with another key', async () => {
    const { nodes, ports } = await three();
    const lost = nodes[0]!.link(1);
    const { key } = lost;
    const before = Buffer.from(key).toString('hex');
    await nodes[1]!.mesh.close();
    await until(() => nodes[0]!.mesh.link(1) === undefined && nodes[2]!.mesh.link(1) === undefined, 'loss');
    // The key is gone with the connection, and nothing can be masked with the zeros in its place.
    expect(Buffer.from(key).equals(Buffer.alloc(32))).toBe(true);
    expect(() => lost.key).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }));
    expect(nodes[0]!.losses[0]).toMatchObject({ code: 'UNAVAILABLE', worker: 'alice' });
    expect(nodes[0]!.losses[0]!.message).toContain('bob');
    const again = await start(ports, 1);
    await until(() => again.connected && nodes[0]!.connected && nodes[2]!.connected, 'reconnection');
    expect(Buffer.from(nodes[0]!.link(1).key).toString('hex')).not.toBe(before);
  });

  it('refuses a peer of another authority, and one that is another worker', async () => {
    const ports = await freePorts(3);
    const bob = await start(ports, 1);
    // Bob accepts carol only: a stranger's carol, and alice, whom he dials himself, are both turned away.
    for (const [pair, authority] of [
      [foreign.pairs[2]!, ca],
      [pairs[0]!, ca],
    ] as const) {
      const before = bob.refusals.length;
      const socket = dial(ports[1]!, pair, authority, 'bob');
      await closed(socket);
      await until(() => bob.refusals.length > before, 'a refusal');
      expect([0, 2].map((peer) => bob.mesh.link(peer as PartyIndex))).toEqual([undefined, undefined]);
    }
    // And one without any certificate.
    const before = bob.refusals.length;
    const socket = dial(ports[1]!, undefined, ca, 'bob');
    await closed(socket);
    await until(() => bob.refusals.length > before, 'a refusal');
  });

  it('does not speak to a server of another authority', async () => {
    const ports = await freePorts(3);
    const stranger = new Node(0, ports, foreign.pairs[0]!, foreign.ca);
    open.push(stranger.mesh);
    await stranger.mesh.start();
    const bob = await start(ports, 1);
    await until(() => bob.refusals.length > 0, 'a refusal');
    expect(bob.mesh.link(0)).toBeUndefined();
  });

  it.each([
    ['garbage', Buffer.alloc(200, 0xff)],
    ['a frame before the hello', Buffer.concat([Buffer.of(21, 0, 0, 0, FRAME_KINDS.ping), Buffer.alloc(20)])],
    ['a frame that is too long', Buffer.concat([Buffer.of(255, 255, 255, 127, 5), Buffer.alloc(20)])],
  ])('closes a connection that sends %s, and serves the others', async (_, bytes) => {
    const ports = await freePorts(3);
    const alice = await start(ports, 0);
    const socket = dial(ports[0]!, pairs[2]!, ca, 'alice');
    await once(socket, 'secureConnect');
    socket.write(bytes);
    socket.resume();
    await closed(socket);
    const carol = await start(ports, 2);
    await until(() => carol.mesh.link(0) !== undefined, 'the real carol');
    expect(alice.mesh.link(2)).toBeDefined();
  });
});

describe('sessions on the mesh', () => {
  const pairOf = (node: Node, self: number) =>
    [0, 1, 2].filter((i) => i !== self).map((i) => node.link(i)) as [Link, Link];

  it('carry frames of any size, in order, also those that come before the session starts', async () => {
    const { nodes } = await three();
    const key = sessionId(1);
    const alice = nodes[0]!.sessions.start(key, pairOf(nodes[0]!, 0));
    const big = Buffer.alloc(300_000, 5);
    alice.send(1, 1, Buffer.from('early'));
    alice.send(1, 2, big);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const bob = nodes[1]!.sessions.start(key, pairOf(nodes[1]!, 1));
    expect(Buffer.from(await bob.receive(0, 1, 5)).toString()).toBe('early');
    expect(Buffer.from(await bob.receive(0, 2, big.length)).equals(big)).toBe(true);
    const waiting = bob.receive(0, 3, 3);
    alice.send(1, 3, Buffer.from('now'));
    expect(Buffer.from(await waiting).toString()).toBe('now');
  });

  it('poll for a frame when there is one batch and nothing else, and two of the three take turns', async () => {
    const { nodes } = await three();
    const begin = vi.spyOn(nodes[0]!.busyPoll, 'begin');
    const end = vi.spyOn(nodes[0]!.busyPoll, 'end');
    const start = (index: number, id: number, ahead = false) =>
      nodes[index]!.sessions.start(sessionId(id), pairOf(nodes[index]!, index), ahead);
    const [dealt, bobsDealt] = [start(0, 1, true), start(1, 1, true)];
    const turn = async (mine: Session, theirs: Session, step: number) => {
      const waiting = mine.receive(1, step, 1);
      theirs.send(0, step, Buffer.alloc(1));
      await waiting;
    };
    await turn(dealt, bobsDealt, 1);
    expect(begin).not.toHaveBeenCalled();
    const [alice, bob] = [start(0, 2), start(1, 2)];
    await turn(alice, bob, 1);
    expect(begin).not.toHaveBeenCalled();
    nodes[0]!.sessions.end(dealt);
    await turn(alice, bob, 2);
    alice.send(1, 3, Buffer.alloc(1));
    await turn(alice, bob, 3);
    // What was not polled for ends without effect.
    expect([begin.mock.calls.length, end.mock.calls.length]).toEqual([2, 3]);
    const other = start(0, 3);
    await turn(alice, bob, 4);
    expect(begin).toHaveBeenCalledTimes(2);
    nodes[0]!.sessions.end(other);
    await turn(alice, bob, 5);
    expect(begin).toHaveBeenCalledTimes(3);
    alice.send(2, 6, Buffer.alloc(1));
    await turn(alice, bob, 6);
    expect(begin).toHaveBeenCalledTimes(3);
  });

  it('refuse an id that was used before', async () => {
    const { nodes } = await three();
    const start = () => nodes[0]!.sessions.start(sessionId(5), pairOf(nodes[0]!, 0));
    nodes[0]!.sessions.end(start());
    expect(start).toThrow(/used before/);
    expect(() => nodes[0]!.sessions.start(sessionId(4), pairOf(nodes[0]!, 0))).toThrow(/used before/);
  });

  it('fail at once, naming the peer, when its link dies', async () => {
    const { nodes } = await three();
    const bob = nodes[1]!.sessions.start(sessionId(1), pairOf(nodes[1]!, 1));
    const waiting = expect(bob.receive(2, 1, 8)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const at = performance.now();
    await nodes[2]!.mesh.close();
    await waiting;
    expect(performance.now() - at).toBeLessThan(1000);
    expect(bob.error!.message).toContain('carol');
    expect(() => bob.send(0, 1, Buffer.alloc(1))).toThrow(/carol/);
  });

  it('are aborted on all workers when one gives up, before or after they start', async () => {
    const { nodes } = await three();
    const [alice, bob] = [0, 1].map((i) => nodes[i]!.sessions.start(sessionId(1), pairOf(nodes[i]!, i)));
    const waiting = expect(bob!.receive(0, 1, 8)).rejects.toMatchObject({
      code: 'CANCELLED',
      worker: 'alice',
    });
    alice!.fail(new TrivetError('CANCELLED', 'Nobody wants it.', 'alice'), true);
    await waiting;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const carol = nodes[2]!.sessions.start(sessionId(1), pairOf(nodes[2]!, 2));
    expect(carol.error).toMatchObject({ code: 'CANCELLED' });
  });

  it.each([
    ['another step', 2, 8],
    ['another length', 1, 9],
  ])('fail when a peer sends %s than the protocol says', async (_, step, bytes) => {
    const { nodes } = await three();
    const [alice, bob] = [0, 1].map((i) => nodes[i]!.sessions.start(sessionId(1), pairOf(nodes[i]!, i)));
    const waiting = expect(bob!.receive(0, 1, 8)).rejects.toMatchObject({ code: 'ABORTED' });
    alice!.send(1, step, Buffer.alloc(bytes));
    await waiting;
    expect(bob!.error!.message).toContain('alice');
  });

  it('drop what still arrives after they have ended', async () => {
    const { nodes } = await three();
    const [alice, bob] = [0, 1].map((i) => nodes[i]!.sessions.start(sessionId(1), pairOf(nodes[i]!, i)));
    nodes[1]!.sessions.end(bob!);
    alice!.send(1, 1, Buffer.alloc(8));
    const next = [0, 1].map((i) => nodes[i]!.sessions.start(sessionId(2), pairOf(nodes[i]!, i)));
    next[0]!.send(1, 1, Buffer.from('still up'));
    expect(Buffer.from(await next[1]!.receive(0, 1, 8)).toString()).toBe('still up');
  });

  it('do not let a peer fill the memory with sessions that never start', async () => {
    const { nodes } = await three();
    for (let i = 1; i <= 200; i++) {
      nodes[0]!.mesh.link(1)?.send(FRAME_KINDS.data, Buffer.alloc(10), sessionId(i));
    }
    await until(() => nodes[1]!.losses.length > 0, 'the link to be closed');
    expect(nodes[1]!.losses[0]!.message).toContain('alice');
    await until(() => nodes.every((node) => node.connected), 'reconnection');
  });
});

/** Waits for the end of a connection, with or without an error. */
function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function dial(port: number, pair: PemPair | undefined, authority: string, server: string): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: authority,
    ...(pair && { cert: pair.certificate, key: pair.key }),
    servername: meshIdentity(CLUSTER, server),
    ALPNProtocols: ['trivet-mesh/1'],
    minVersion: 'TLSv1.3',
  });
  socket.on('error', () => {});
  socket.resume();
  return socket;
}
