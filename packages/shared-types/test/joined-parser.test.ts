import fc from 'fast-check';
import { Encoder, type Packet, PacketType } from 'socket.io-parser';
import { describe, expect, it } from 'vitest';
import { bytesToFrame, JOINED_HEAD_BYTES, joinedParser } from '../src/index.js';

const encoder = new joinedParser.Encoder();

/** What a decoder makes of frames. */
function decode(frames: readonly unknown[]): Packet[] {
  const decoder = new joinedParser.Decoder();
  const packets: Packet[] = [];
  decoder.on('decoded', (packet) => packets.push(packet));
  for (const frame of frames) decoder.add(frame);
  return packets;
}

const event = (data: unknown[], id?: number): Packet => ({
  type: PacketType.EVENT,
  nsp: '/',
  data,
  ...(id === undefined ? {} : { id }),
});
const acknowledgement = (data: unknown[], id: number): Packet => ({
  type: PacketType.ACK,
  nsp: '/',
  data,
  id,
});
const plain = (packets: Packet[]) =>
  packets.map(({ type, nsp, id, data }) => ({
    type,
    nsp,
    ...(id === undefined ? {} : { id }),
    data: (data as unknown[]).map((one) => (one instanceof Uint8Array ? [...one] : one)),
  }));
/** A joined frame by hand. */
const joined = (text: string, bytes: readonly number[], length = text.length) =>
  Uint8Array.from([length & 255, length >> 8, ...Buffer.from(text), ...bytes]);

describe('packets as frames', () => {
  it('has one frame a packet, with or without bytes', () => {
    const bytes = Uint8Array.from([1, 2, 3]);
    const text = '51-7["sealed",{"_placeholder":true,"num":0}]';
    expect(encoder.encode(event(['sealed', bytes], 7))).toEqual([joined(text, [1, 2, 3])]);
    expect(encoder.encode(event(['sealed', { a: 1 }], 7))).toEqual(['27["sealed",{"a":1}]']);
    expect(encoder.encode({ type: PacketType.CONNECT, nsp: '/', data: undefined })).toEqual(['0']);
  });

  it('gives back every packet, and those before and after it', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    const packets = fc.array(
      fc.oneof(
        fc.tuple(fc.string(), bytes, fc.option(fc.nat(), { nil: undefined })).map(([name, data, id]) => {
          return event([`e${name}`, data], id);
        }),
        fc.tuple(bytes, fc.nat()).map(([data, id]) => acknowledgement([data], id)),
        fc.tuple(fc.jsonValue(), fc.nat()).map(([data, id]) => acknowledgement([data], id)),
        fc.tuple(bytes, bytes).map(([first, second]) => event(['two', first, second])),
      ),
    );
    fc.assert(
      fc.property(packets, fc.boolean(), (sent, asArrayBuffers) => {
        const frames = sent.flatMap((packet) => encoder.encode({ ...packet }));
        const received = frames.map((frame) =>
          asArrayBuffers && typeof frame !== 'string' ? frame.slice().buffer : frame,
        );
        const asBytes = (packet: Packet) => ({
          ...packet,
          data: (packet.data as unknown[]).map((one) =>
            one instanceof ArrayBuffer ? new Uint8Array(one) : one,
          ),
        });
        const expected = plain(sent).map((one) => JSON.parse(JSON.stringify(one)));
        expect(plain(decode(received).map(asBytes)).map((one) => JSON.parse(JSON.stringify(one)))).toEqual(
          expected,
        );
      }),
    );
  });

  it('writes its beginning before bytes that have room for it, once', () => {
    const bytes = bytesToFrame(3);
    bytes.set([1, 2, 3]);
    const first = encoder.encode(event(['sealed', bytes], 7))[0] as Uint8Array;
    const copy = encoder.encode(event(['sealed', Uint8Array.of(1, 2, 3)], 7))[0] as Uint8Array;
    expect(first).toEqual(copy);
    expect([first.buffer === bytes.buffer, first.length]).toEqual([true, copy.length]);
    // The first one may not have left when the second is made.
    const second = encoder.encode(event(['sealed', bytes], 81))[0] as Uint8Array;
    expect(second.buffer).not.toBe(bytes.buffer);
    expect(first).toEqual(copy);
    expect(plain(decode([second])).map(({ id, data }) => [id, data])).toEqual([[81, ['sealed', [1, 2, 3]]]]);
  });

  it('has room for no part of such bytes, nor for a beginning longer than that', () => {
    const whole = bytesToFrame(40);
    const part = encoder.encode(event(['sealed', whole.subarray(0, 8)], 7))[0] as Uint8Array;
    const long = encoder.encode(event(['e'.repeat(JOINED_HEAD_BYTES), whole], 7))[0] as Uint8Array;
    expect([part.buffer === whole.buffer, long.buffer === whole.buffer]).toEqual([false, false]);
    const names = plain(decode([part, long])).map(({ data }) => (data as unknown[])[0]);
    expect(names).toEqual(['sealed', 'e'.repeat(JOINED_HEAD_BYTES)]);
  });

  it('reads what socket.io itself would have sent, text and bytes apart', () => {
    const apart = new Encoder().encode(event(['sealed', Uint8Array.from([5, 6])], 1));
    expect(apart).toHaveLength(2);
    const next = encoder.encode(event(['sealed', Uint8Array.from([7])], 2));
    expect(plain(decode([...apart, ...next])).map(({ data }) => data)).toEqual([
      ['sealed', [5, 6]],
      ['sealed', [7]],
    ]);
  });

  it('adds few bytes to those of our own events', () => {
    const longest = event(['trivet:sealed', new Uint8Array()], Number.MAX_SAFE_INTEGER);
    const [frame] = encoder.encode(longest);
    expect((frame as Uint8Array).length).toBeLessThanOrEqual(JOINED_HEAD_BYTES);
  });

  it.each<[string, unknown]>([
    ['nothing', new Uint8Array()],
    ['half a length', Uint8Array.of(1)],
    ['a text that ends after the frame', joined('51-["a",{"_placeholder":true,"num":0}]', [], 60)],
    ['no text', joined('', [1, 2])],
    ['a text without bytes', joined('2["a"]', [1])],
    [
      'two pieces announced',
      joined('52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', [1]),
    ],
    ['no number of pieces', joined('5["a"]', [1])],
    ['a reserved event', joined('51-["connect",{"_placeholder":true,"num":0}]', [1])],
    ['a placeholder of no piece', joined('51-["a",{"_placeholder":true,"num":7}]', [1])],
    ['a text that is none', joined('51-\xff\xfe', [1])],
    ['a number', 7],
  ])('refuses %s', (_, frame) => {
    expect(() => decode([frame])).toThrow();
  });
});
