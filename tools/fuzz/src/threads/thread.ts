/** The fuzzing thread: runs one job after the other, until it is ended from outside. */
import { parentPort, workerData } from 'node:worker_threads';
import { Coverage } from '../coverage.js';
import { fuzzTarget } from '../fuzz-target.js';
import { loadTarget } from '../targets/index.js';
import { CurrentCase, type Job, type Report, type ThreadData } from './messages.js';

export async function fuzzInThread(): Promise<void> {
  const port = parentPort!;
  const current = new CurrentCase((workerData as ThreadData).shared);
  const tell = (report: Report) => port.postMessage(report);
  port.on('message', (job: Job) => void run(job, current, tell));
  tell({ kind: 'ready' });
}

async function run(job: Job, current: CurrentCase, tell: (report: Report) => void): Promise<void> {
  try {
    const target = await loadTarget(job.target);
    const prepared = await target.prepare();
    const coverage = job.coverage ? new Coverage() : null;
    try {
      const result = await fuzzTarget(target, prepared, {
        ...job,
        coverage,
        onCase: (input) => current.set(input),
        onFinding: (finding) => tell({ kind: 'finding', finding }),
        onProgress: (progress) => tell({ kind: 'progress', result: { ...progress } }),
      });
      tell({ kind: 'done', result });
    } finally {
      coverage?.close();
      await prepared.close?.();
    }
  } catch (error) {
    tell({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
