/** Reads and runs a batch through the compute worker. A run goes on while its asker looks at other pages. */
import { TrivetError } from '@trivet/shared-types';
import { useMemo } from 'react';
import { useEngine } from '../../app/engine-context.js';
import type { BatchSource } from '../../compute/batch/messages.js';
import type { Engine } from '../../compute/engine.js';
import { useAppStore } from '../../stores/app-store.js';

/** Of the reading or running under way; outlives the page that began it. */
let current = new AbortController();

function begin(): AbortSignal {
  current.abort();
  current = new AbortController();
  return current.signal;
}

async function guard(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (signal.aborted) return;
    const coded =
      error instanceof TrivetError ? error : new TrivetError('INTERNAL', (error as Error).message);
    useAppStore.getState().failBatch(coded.toBody());
  }
}

async function read(engine: Engine, source: BatchSource): Promise<void> {
  const signal = begin();
  const { beginReading, tellReading, setPictures } = useAppStore.getState();
  beginReading();
  await guard(signal, async () => {
    const pictures = await engine.readBatch(source, tellReading, signal);
    if (!signal.aborted) setPictures(pictures);
  });
}

async function run(engine: Engine, model: string): Promise<void> {
  const { batchPictures, beginBatch, addAnswers, finishBatch } = useAppStore.getState();
  if (batchPictures === null) return;
  const signal = begin();
  beginBatch();
  const start = performance.now();
  await guard(signal, async () => {
    const summary = await engine.runBatch(
      { model, pixels: batchPictures.pixels },
      (answers) => {
        if (!signal.aborted) addAnswers(answers, performance.now() - start);
      },
      signal,
    );
    if (!signal.aborted) finishBatch(summary);
  });
}

function cancel(): void {
  current.abort();
  useAppStore.getState().cancelBatch();
}

export interface BatchActions {
  read(source: BatchSource): void;
  run(model: string): void;
  /** At once: nothing that is still under way is shown any more. */
  cancel(): void;
}

/** Null in the first moment of the page. */
export function useBatch(): BatchActions | null {
  const engine = useEngine();
  return useMemo(
    () =>
      engine === null
        ? null
        : {
            read: (source) => void read(engine, source),
            run: (model) => void run(engine, model),
            cancel,
          },
    [engine],
  );
}
