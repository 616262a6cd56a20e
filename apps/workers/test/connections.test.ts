/** What a connection may do before it is sealed, and how much it may have the worker keep: at the limit, and one past it. */
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Traffic } from '../src/clients/traffic.js';
import { SEAL_TIMEOUT_MS, UNSEALED_BYTES, watchUnsealed } from '../src/clients/unsealed.js';

/** As much of engine.io's connection as is listened to. */
class FakeConnection extends EventEmitter {
  readonly transport = new EventEmitter();
}

describe('a connection that is not sealed', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('has ten seconds', () => {
    const overdue = vi.fn();
    watchUnsealed(new EventEmitter(), overdue);
    expect(SEAL_TIMEOUT_MS).toBe(10_000);
    vi.advanceTimersByTime(SEAL_TIMEOUT_MS - 1);
    expect(overdue).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(overdue).toHaveBeenCalledOnce();
  });

  it('may send 16 KiB', () => {
    const overdue = vi.fn();
    const raw = new EventEmitter();
    watchUnsealed(raw, overdue);
    raw.emit('data', Buffer.alloc(UNSEALED_BYTES - 1));
    raw.emit('data', Buffer.alloc(1));
    expect(overdue).not.toHaveBeenCalled();
    raw.emit('data', Buffer.alloc(1));
    raw.emit('data', Buffer.alloc(1));
    vi.advanceTimersByTime(SEAL_TIMEOUT_MS);
    expect(overdue).toHaveBeenCalledOnce();
  });

  it('is free of both once it is', () => {
    const overdue = vi.fn();
    const raw = new EventEmitter();
    watchUnsealed(raw, overdue)();
    raw.emit('data', Buffer.alloc(UNSEALED_BYTES + 1));
    vi.advanceTimersByTime(2 * SEAL_TIMEOUT_MS);
    expect(overdue).not.toHaveBeenCalled();
  });
});

describe('what a worker keeps for connections', () => {
  const make = (limits = { unfinished: 100, unread: 50, total: 1000 }) => {
    const traffic = new Traffic(limits);
    const connect = () => {
      const connection = new FakeConnection();
      const raw = new EventEmitter();
      const close = vi.fn(() => void connection.emit('close'));
      const watched = traffic.watch(connection, raw, close);
      const receive = (bytes: number) => void raw.emit('data', Buffer.alloc(bytes));
      const send = (data: unknown) => void connection.emit('packetCreate', { data });
      return { connection, close, watched, receive, send };
    };
    return { traffic, connect };
  };

  it('of a message that does not end is bounded; whole ones do not add up', () => {
    const { connect } = make();
    const { close, receive, watched } = connect();
    for (let message = 0; message < 5; message++) {
      receive(100);
      watched.received();
    }
    receive(100);
    expect(close).not.toHaveBeenCalled();
    receive(1);
    expect(close).toHaveBeenCalledOnce();
  });

  it('of what is not read is bounded, before the newest message', () => {
    const { connect } = make();
    const { close, connection, send, watched } = connect();
    send('x'.repeat(20));
    connection.emit('flush');
    send(Buffer.alloc(30));
    send(Buffer.alloc(500));
    expect(watched.unread).toBe(550);
    expect(close).not.toHaveBeenCalled();
    // The system has taken the first, and is given the others; it takes them.
    connection.transport.emit('drain');
    connection.emit('flush');
    expect(watched.unread).toBe(530);
    connection.transport.emit('drain');
    expect(watched.unread).toBe(0);
    send(Buffer.alloc(51));
    expect(close).not.toHaveBeenCalled();
    send(Buffer.alloc(1));
    expect(close).toHaveBeenCalledOnce();
  });

  it('for all together is bounded: the one with most goes', () => {
    const { connect, traffic } = make({ unfinished: 1000, unread: 1000, total: 1000 });
    const [small, large, middle] = [connect(), connect(), connect()];
    small.receive(100);
    large.receive(600);
    middle.receive(300);
    expect(traffic.bytes).toBe(1000);
    expect(large.close).not.toHaveBeenCalled();
    middle.receive(1);
    expect(large.close).toHaveBeenCalledOnce();
    expect(traffic.bytes).toBe(401);
    for (const other of [small, middle]) expect(other.close).not.toHaveBeenCalled();
  });
});
