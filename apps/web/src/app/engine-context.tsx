/** Starts the compute worker with the page and hands it to the features. */
import type { TrivetError } from '@trivet/shared-types';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { Engine } from '../compute/engine.js';
import { useAppStore } from '../stores/app-store.js';

export const EngineContext = createContext<Engine | null>(null);

export function EngineProvider({ children }: { readonly children: ReactNode }) {
  const [engine, setEngine] = useState<Engine | null>(null);
  useEffect(() => {
    const { setWorkers, record, setSharing, setOwned, preference, calibrations, failPrediction } =
      useAppStore.getState();
    const started = Engine.start({
      onWorkers: (workers, models) => {
        setWorkers(workers, models);
        record(Date.now() / 1000, workers);
      },
      onSharing: setSharing,
      onOwned: setOwned,
    });
    setEngine(started);
    const closing = new AbortController();
    const { signal } = closing;
    const connect = () => {
      started.connect({ preference, calibrations }).catch((error: TrivetError) => {
        if (signal.aborted) return;
        // Offline there may be no file to read; the page says that by itself.
        if (!navigator.onLine) addEventListener('online', connect, { once: true, signal });
        else failPrediction(error.toBody());
      });
    };
    connect();
    return () => {
      closing.abort();
      started.close();
    };
  }, []);
  return <EngineContext value={engine}>{children}</EngineContext>;
}

/** The compute worker, or null in the first moment of the page. */
export function useEngine(): Engine | null {
  return useContext(EngineContext);
}
