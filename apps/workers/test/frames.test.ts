import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool, ReadBuffers } from '../src/mesh/buffers.js';
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KINDS, FrameReader } from '../src/mesh/frames.js';

const pool = new BufferPool();
const kinds = Object.values(FRAME_KINDS);
const frames = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    session: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    step: fc.nat(0xffff_ffff),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 12 },
);

type Seen = [kind: number, session: string, step: number, payload: string];

function read(maxFrameBytes: number, chunks: readonly Buffer[]): Seen[] {
  const seen: Seen[] = [];
  const reader = new FrameReader(maxFrameBytes, (kind, session, step, payload) => {
    seen.push([kind, session, step, Buffer.from(payload).toString('hex')]);
  });
  for (const chunk of chunks) reader.push(chunk);
  return seen;
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

describe('mesh frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 40 }), (sent, cuts) => {
        const encoded = sent.map((f) => {
          return encodeFrame(pool, f.kind, Buffer.from(f.session).toString('latin1'), f.step, f.payload);
        });
        const expected = sent.map((f) => {
          const session = Buffer.from(f.session).toString('latin1');
          return [f.kind, session, f.step, Buffer.from(f.payload).toString('hex')];
        });
        expect(read(65_536, cut(Buffer.concat(encoded), cuts))).toEqual(expected);
      }),
    );
  });

  it('come out when every chunk is one byte', () => {
    const frame = encodeFrame(pool, FRAME_KINDS.data, 's'.repeat(16), 7, Buffer.from('payload'));
    const bytes = Buffer.concat([frame, frame]);
    expect(read(65_536, cut(bytes, [...bytes.keys()]))).toHaveLength(2);
  });

  it('are not handed out before they are whole', () => {
    const frame = encodeFrame(pool, FRAME_KINDS.data, 's'.repeat(16), 7, Buffer.from('payload'));
    for (let length = 0; length < frame.length; length++) {
      expect(read(65_536, [frame.subarray(0, length)])).toEqual([]);
    }
  });

  it.each([0, 1, FRAME_HEADER_BYTES - 5, 1001, 0xffff_ffff])('refuses a length of %d', (length) => {
    const header = Buffer.alloc(FRAME_HEADER_BYTES);
    header.writeUInt32LE(length);
    header[4] = FRAME_KINDS.data;
    expect(() => read(1000, [header])).toThrow(/out of bounds/);
    expect(() => read(1000, cut(header, [3, 10]))).toThrow(/out of bounds/);
  });

  it('refuses unknown kinds', () => {
    for (const kind of [0, kinds.length + 1, 255]) {
      const frame = encodeFrame(pool, FRAME_KINDS.data, 's'.repeat(16), 0);
      frame[4] = kind;
      expect(() => read(1000, [frame])).toThrow(/unknown kind/);
    }
  });

  it('never does anything but read or refuse, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), (chunks) => {
        try {
          read(
            500,
            chunks.map((chunk) => Buffer.from(chunk)),
          );
        } catch (error) {
          expect((error as Error).name).toBe('TrivetError');
        }
      }),
    );
  });

  it('stops in the middle of a chunk when told to', () => {
    const frame = encodeFrame(pool, FRAME_KINDS.data, 's'.repeat(16), 0);
    let count = 0;
    const reader = new FrameReader(1000, () => {
      count += 1;
      reader.stop();
    });
    reader.push(Buffer.concat([frame, frame, frame]));
    expect(count).toBe(1);
  });
});

describe('the buffers of a socket', () => {
  it('are not read over while somebody holds a view, and are used again after that', () => {
    const reads = new ReadBuffers(pool);
    const first = reads.next();
    expect(reads.next()).toBe(first);
    const [one, two] = [first.subarray(0, 10), first.subarray(10, 20)];
    reads.hold(one);
    reads.hold(two);
    const second = reads.next();
    expect(second).not.toBe(first);
    reads.hold(second.subarray(5));
    expect([first, second]).not.toContain(reads.next());
    reads.release(one);
    expect(reads.next()).not.toBe(first);
    reads.release(two);
    expect(reads.next()).toBe(first);
  });

  it('ignore views of other memory', () => {
    const reads = new ReadBuffers(pool);
    const first = reads.next();
    reads.hold(Buffer.alloc(10));
    reads.release(Buffer.alloc(10));
    expect(reads.next()).toBe(first);
  });

  it('are where a frame is read, when it lies in one chunk', () => {
    const chunk = encodeFrame(pool, FRAME_KINDS.data, 's'.repeat(16), 7, Buffer.alloc(5000, 1));
    const payloads: Uint8Array[] = [];
    const reader = new FrameReader(65_536, (_kind, _session, _step, payload) => payloads.push(payload), pool);
    reader.push(chunk);
    for (const piece of cut(chunk, [2500])) reader.push(piece);
    expect(payloads[0]!.buffer).toBe(chunk.buffer);
    expect(payloads[1]!.buffer).not.toBe(chunk.buffer);
    expect(Buffer.compare(payloads[0]!, payloads[1]!)).toBe(0);
  });
});
