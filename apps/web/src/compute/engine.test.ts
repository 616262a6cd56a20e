import { TrivetError } from '@trivet/shared-types';
import { describe, expect, it, vi } from 'vitest';
import { Engine, type EnginePort } from './engine.js';
import type { FromWorker, ToWorker } from './worker/messages.js';

function setup() {
  const sent: ToWorker[] = [];
  const listeners = new Map<string, (event: unknown) => void>();
  const port = {
    postMessage: (message: ToWorker) => sent.push(message),
    terminate: vi.fn(),
    addEventListener: (type: string, listener: (event: unknown) => void) => listeners.set(type, listener),
  };
  const listener = { onWorkers: vi.fn(), onSharing: vi.fn(), onOwned: vi.fn() };
  const engine = new Engine(port as unknown as EnginePort, listener);
  const answer = (message: FromWorker) => listeners.get('message')!({ data: message });
  const crash = () => listeners.get('error')!({});
  return { engine, sent, answer, crash, listener, port };
}

const ask = { model: 'mnist', pixels: new Uint8Array(784), timeoutMs: 1000 };

describe('Engine', () => {
  it('gives each call its own answer, in whatever order they come', async () => {
    const { engine, sent, answer } = setup();
    const first = engine.predict(ask);
    const second = engine.predict(ask);
    const [a, b] = sent.map((message) => ('id' in message ? message.id : -1));
    answer({ type: 'result', id: b!, value: { model: 'second' } as never });
    answer({ type: 'result', id: a!, value: { model: 'first' } as never });
    expect(await first).toEqual({ model: 'first' });
    expect(await second).toEqual({ model: 'second' });
  });

  it('rejects with the coded error, worker and all', async () => {
    const { engine, answer } = setup();
    const prediction = engine.predict(ask);
    answer({
      type: 'failure',
      id: 1,
      error: { code: 'UNAVAILABLE', message: 'bob is away.', worker: 'bob' },
    });
    const error = await prediction.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TrivetError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', worker: 'bob' });
  });

  it('passes a cancellation on, also one that came before the call', () => {
    const { engine, sent } = setup();
    const controller = new AbortController();
    engine.predict(ask, controller.signal).catch(() => undefined);
    controller.abort();
    engine.predict(ask, AbortSignal.abort()).catch(() => undefined);
    expect(sent.map(({ type }) => type)).toEqual(['predict', 'cancel', 'predict', 'cancel']);
  });

  it('passes on what is told on the way, and nothing after the end', async () => {
    const { engine, answer } = setup();
    const told: unknown[] = [];
    const takes = { model: 'mnist', pixels: new Uint8Array(784) };
    const run = engine.runBatch(takes, (answers) => told.push(answers), new AbortController().signal);
    answer({ type: 'progress', id: 1, value: 'half' as never });
    answer({ type: 'result', id: 1, value: 'summary' as never });
    answer({ type: 'progress', id: 1, value: 'late' as never });
    expect(await run).toBe('summary');
    expect(told).toEqual(['half']);
  });

  it('fails what is waiting when the worker crashes or the page closes', async () => {
    const crashed = setup();
    const lost = crashed.engine.predict(ask);
    crashed.crash();
    await expect(lost).rejects.toMatchObject({ code: 'INTERNAL' });
    const closed = setup();
    const left = closed.engine.selfTest();
    closed.engine.close();
    await expect(left).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(closed.port.terminate).toHaveBeenCalled();
  });

  it('tells its listener about workers and sharing', () => {
    const { answer, listener } = setup();
    answer({ type: 'workers', workers: [], models: [] });
    expect(listener.onWorkers).toHaveBeenCalledWith([], []);
  });
});
