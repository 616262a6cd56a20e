/** The command line: its commands, and what happens when one fails. */
import { TrivetError } from '@trivet/shared-types';
import { Command, CommanderError } from 'commander';
import { accessCommand } from './commands/access.js';
import { labelCommand, rollbackCommand, switchCommand } from './commands/change-version.js';
import { checkCommand } from './commands/check.js';
import { decryptCommand, encryptCommand } from './commands/encrypt.js';
import { gatewayCommand } from './commands/gateway.js';
import { initCommand } from './commands/init.js';
import { keysCommand } from './commands/keys.js';
import { examples } from './commands/options.js';
import { predictCommand } from './commands/predict.js';
import { serveCommand } from './commands/serve.js';
import { shareCommand } from './commands/share.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { tokensCommand } from './commands/tokens.js';
import { versionsCommand } from './commands/versions.js';
import { workerCommand } from './commands/worker.js';
import { EXIT_CODES_HELP, EXIT_OK, EXIT_USAGE, exitCodeOf } from './exit-codes.js';
import { systemFailure } from './system-errors.js';

const COMMANDS = [
  initCommand,
  workerCommand,
  checkCommand,
  shareCommand,
  serveCommand,
  stopCommand,
  switchCommand,
  rollbackCommand,
  labelCommand,
  versionsCommand,
  accessCommand,
  tokensCommand,
  predictCommand,
  statusCommand,
  gatewayCommand,
  encryptCommand,
  decryptCommand,
  keysCommand,
];

/** @param version of the software, for `--version` */
export function createProgram(version: string): Command {
  const program = new Command('trivet')
    .description(
      'Private predictions: three workers evaluate a model, and none sees the input, the weights or the answer.',
    )
    .version(version)
    .showHelpAfterError('(--help tells more)')
    .addHelpText(
      'after',
      `${examples(
        'trivet init',
        'trivet share model.h5 --name mnist',
        'trivet serve mnist',
        'trivet predict mnist --mnist 7',
      )}\n${EXIT_CODES_HELP}`,
    );
  for (const command of COMMANDS) {
    program.addCommand(withHelp(command()));
  }
  throwInsteadOfExit(program);
  return program;
}

/** What every command's help ends with, those of its own commands too. */
function withHelp(command: Command): Command {
  for (const child of command.commands) withHelp(child);
  return command.addHelpText('after', EXIT_CODES_HELP).showHelpAfterError('(--help tells more)');
}

/** Runs a command line. @returns the exit code */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? EXIT_OK);
  } catch (error) {
    // commander has printed its own message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    console.error(describe(error));
    return exitCodeOf(error);
  }
}

/** One error as a person should read it. */
export function describe(error: unknown): string {
  if (error instanceof TrivetError) return `trivet: ${error.message}`;
  const failure = systemFailure(error);
  if (failure !== null) return `trivet: ${failure.message}`;
  return `trivet: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
