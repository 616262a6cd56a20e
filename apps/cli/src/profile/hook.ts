/**
 * Loaded into a process before its program (`node --import`): the first SIGUSR2 starts V8's CPU profiler, the
 * second stops it and writes the profile to the folder that TRIVET_PROFILE_DIRECTORY names. No port is opened.
 */
import { writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector';
import { join } from 'node:path';

const INTERVAL_MICROS = 100;

const directory = process.env.TRIVET_PROFILE_DIRECTORY;
if (directory !== undefined) {
  let session: Session | undefined;
  process.on('SIGUSR2', () => {
    if (session === undefined) {
      session = new Session();
      session.connect();
      session.post('Profiler.enable');
      session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROS });
      session.post('Profiler.start');
      return;
    }
    session.post('Profiler.stop', (error: Error | null, result: Profiler.StopReturnType) => {
      if (error !== null) throw error;
      writeFileSync(join(directory, `${process.pid}.cpuprofile`), JSON.stringify(result.profile));
    });
    session.disconnect();
    session = undefined;
  });
}
