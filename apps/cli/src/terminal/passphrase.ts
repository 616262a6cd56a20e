/** Asks for a passphrase on a terminal, without showing it. */
import type { ReadStream } from 'node:tty';
import { TrivetError } from '@trivet/shared-types';

export interface PassphraseTerminal {
  readonly input: Pick<
    ReadStream,
    'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause' | 'setEncoding'
  >;
  readonly write: (text: string) => void;
}

const THIS_TERMINAL: PassphraseTerminal = {
  input: process.stdin,
  write: (text) => void process.stderr.write(text),
};

/**
 * @param question what to ask, without the colon
 * @throws TrivetError INVALID_ARGUMENT where there is no terminal, CANCELLED by Ctrl-C
 */
export async function askPassphrase(
  question: string,
  terminal: PassphraseTerminal = THIS_TERMINAL,
): Promise<string> {
  const { input, write } = terminal;
  if (!input.isTTY) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      'There is no terminal to ask for the passphrase: name a file with --passphrase-file.',
    );
  }
  write(`${question}: `);
  input.setRawMode(true);
  input.setEncoding('utf8');
  input.resume();
  let typed: string[] = [];
  let listen: (text: string) => void = () => undefined;
  try {
    return await new Promise<string>((resolve, reject) => {
      listen = (text) => {
        for (const character of text) {
          if (character === '\r' || character === '\n' || character === '\u0004')
            return resolve(typed.join(''));
          if (character === '\u0003') return reject(new TrivetError('CANCELLED', 'Interrupted.'));
          if (character === '\u007f' || character === '\b') typed.pop();
          else if (character === '\u0015') typed = [];
          else if (character >= ' ') typed.push(character);
        }
      };
      input.on('data', listen);
    });
  } finally {
    input.off('data', listen);
    input.setRawMode(false);
    input.pause();
    write('\n');
  }
}
