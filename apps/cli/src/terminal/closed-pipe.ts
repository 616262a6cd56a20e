/** Whoever reads what is printed may stop reading, as `head` does: then there is nobody to tell, and no error. */
import process from 'node:process';

/** What a shell says of a program that ended so (128 + SIGPIPE). */
const EXIT_CLOSED_PIPE = 141;

/** From here on a closed pipe ends this process, silently. */
export function endWithClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(EXIT_CLOSED_PIPE);
    });
  }
}
