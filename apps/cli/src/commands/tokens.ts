/** `trivet tokens`: the client tokens with which others may ask for predictions. */
import { writeFile } from 'node:fs/promises';
import type { IssuedToken, TokenInfo } from '@trivet/client';
import {
  ACCESS_LIMITS,
  modelNameSchema,
  parseStrict,
  TrivetError,
  tokenIdSchema,
} from '@trivet/shared-types';
import { Command, InvalidArgumentError } from 'commander';
import { interruptible } from '../interrupt.js';
import { formatTable } from '../terminal/table.js';
import {
  addClusterOption,
  addJsonOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type JsonOption,
  positiveNumber,
  type TimeoutOption,
  wholeNumber,
} from './options.js';
import { withAccess } from './owner.js';

interface CreateOptions extends ClusterOption, JsonOption, TimeoutOption {
  readonly model: readonly string[];
  readonly allModels?: true;
  readonly numRequests?: number;
  readonly rate?: number;
  readonly burst?: number;
  readonly expires?: Date;
  readonly out?: string;
}

interface TokensOptions extends ClusterOption, JsonOption, TimeoutOption {}

const TIMEOUT_SECONDS = 10;
const UNITS_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export function tokensCommand(): Command {
  return new Command('tokens')
    .description('make, list and revoke the tokens with which clients ask for predictions')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addHelpText(
      'after',
      examples(
        'trivet tokens create reader --model mnist --num-requests 1000 --rate 10 --expires 30d --out reader.token',
        'trivet predict mnist --mnist 7 --token-file reader.token',
        'trivet tokens list',
        'trivet tokens revoke 524dd2c3b0d1e83c',
      ),
    );
}

function createCommand(): Command {
  const command = new Command('create')
    .description('make a token and print it, once; the workers get hashes of it and never the token')
    .argument('<name>', 'for you to tell tokens apart; the workers read it, so let it name nobody')
    .option('--model <name>', 'a model that it is good for; may be given again', collectModel, [])
    .option('--all-models', 'it is good for every model, of now and of later')
    .option(
      '--num-requests <count>',
      'predictions that it may have answered in its life; no limit unless told',
      wholeNumber(1, ACCESS_LIMITS.maxQuota),
    )
    .option(
      '--rate <number>',
      'predictions a second that it may ask for; no limit unless told',
      positiveNumber,
    )
    .option(
      '--burst <count>',
      'with --rate: predictions at once; 1000, or those of a second, unless told',
      wholeNumber(1, ACCESS_LIMITS.maxRate),
    )
    .option('--expires <when>', 'after a time such as 12h or 30d, or at a date such as 2030-01-31', moment)
    .option('--out <file>', 'write the token to this new file, which only you may read, and print it nowhere')
    .addHelpText(
      'after',
      examples('trivet tokens create reader --model mnist --num-requests 1000 --expires 30d'),
    );
  addTimeoutOption(addJsonOption(addClusterOption(command)), TIMEOUT_SECONDS);
  return command.action((name: string, options: CreateOptions) =>
    interruptible((signal) => create(name, options, signal)),
  );
}

async function create(name: string, options: CreateOptions, signal: AbortSignal): Promise<void> {
  const { model, allModels, numRequests, rate, burst, expires, out } = options;
  if (model.length > 0 === (allModels ?? false)) {
    throw new TrivetError(
      'INVALID_ARGUMENT',
      'Say what the token is good for: --model NAME, or --all-models.',
    );
  }
  if (burst !== undefined && rate === undefined) {
    throw new TrivetError('INVALID_ARGUMENT', '--burst goes with --rate.');
  }
  const call = { signal, timeoutMs: options.timeout * 1000 };
  await withAccess(options.cluster, call, async (access) => {
    const issued = await access.createToken(
      {
        name,
        models: allModels ? null : model,
        quota: numRequests ?? null,
        rate: rate === undefined ? null : { perSecond: rate, ...(burst !== undefined && { burst }) },
        expiresAt: expires ?? null,
      },
      call,
    );
    if (out !== undefined) {
      // A token that cannot be kept is of no use to anybody.
      await writeToken(out, issued).catch(async (error: unknown) => {
        await access.revokeToken(issued.id, call);
        throw error;
      });
    }
    print(issued, options);
    const modes = await access.modes(call);
    for (const one of model) {
      if ((modes[one] ?? 'tokens') === 'tokens') continue;
      const advice = `\`trivet access ${one} tokens\` has all clients show one.`;
      console.error(`Model "${one}" answers some without a token (${modes[one]}): ${advice}`);
    }
  });
}

function print({ token, ...info }: IssuedToken, { json, out }: CreateOptions): void {
  const isKept = out !== undefined;
  if (json) {
    console.log(JSON.stringify(isKept ? info : { ...info, token }));
  } else if (isKept) {
    console.log(
      `Wrote the token ${info.id} to ${out}. Give it to its holder over a channel that nobody else reads.`,
    );
  } else {
    console.log(token);
    console.error(
      `This is the token ${info.id}. It is shown this once: keep it, and give it to its holder alone.`,
    );
  }
}

async function writeToken(file: string, { token }: IssuedToken): Promise<void> {
  await writeFile(file, `${token}\n`, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    throw new TrivetError(
      error.code === 'EEXIST' ? 'ALREADY_EXISTS' : 'INVALID_ARGUMENT',
      error.code === 'EEXIST'
        ? `${file} exists already; name another file.`
        : `${file} cannot be written (${error.code ?? 'unknown error'}).`,
    );
  });
}

function listCommand(): Command {
  const command = new Command('list')
    .description('list all tokens: what they are good for, and what is used up')
    .addHelpText('after', examples('trivet tokens list', 'trivet tokens list --json'));
  addTimeoutOption(addJsonOption(addClusterOption(command)), TIMEOUT_SECONDS);
  return command.action((options: TokensOptions) =>
    interruptible((signal) => {
      const call = { signal, timeoutMs: options.timeout * 1000 };
      return withAccess(options.cluster, call, async (access) => {
        const tokens = await access.tokens(call);
        console.log(options.json ? JSON.stringify(tokens) : tokensText(tokens));
      });
    }),
  );
}

function tokensText(tokens: readonly TokenInfo[]): string {
  if (tokens.length === 0) return 'There are no tokens. `trivet tokens create` makes one.';
  return formatTable(
    ['ID', 'NAME', 'STATE', 'MODELS', 'USED', 'RATE', 'EXPIRES'],
    tokens.map(({ id, name, state, models, used, quota, rate, expiresAt }) => [
      id,
      name,
      state,
      models === null ? 'all' : models.join(', '),
      quota === null ? `${used}` : `${used} of ${quota}`,
      rate === null ? 'any' : `${rate.perSecond}/s, ${rate.burst} at once`,
      expiresAt ?? 'never',
    ]),
  );
}

function revokeCommand(): Command {
  const command = new Command('revoke')
    .description('make a token worthless, at once and for good')
    .argument('<id>', 'its id, as `trivet tokens list` shows it')
    .addHelpText('after', examples('trivet tokens revoke 524dd2c3b0d1e83c'));
  addTimeoutOption(addClusterOption(command), TIMEOUT_SECONDS);
  return command.action((id: string, options: TokensOptions) =>
    interruptible((signal) => {
      parseStrict(tokenIdSchema, id, 'The id of the token');
      const call = { signal, timeoutMs: options.timeout * 1000 };
      return withAccess(options.cluster, call, async (access) => {
        await access.revokeToken(id, call);
        console.log(`The token ${id} is revoked.`);
      });
    }),
  );
}

function collectModel(text: string, before: readonly string[]): string[] {
  if (!modelNameSchema.safeParse(text).success)
    throw new InvalidArgumentError('It must be the name of a model.');
  return [...before, text];
}

/** A moment in the future: so long from now, or a date. */
function moment(text: string): Date {
  const [, amount, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const isDate = /^\d{4}-\d{2}-\d{2}(T[\d:.]+Z?)?$/.test(text);
  const time =
    unit === undefined ? Date.parse(isDate ? text : '') : Date.now() + Number(amount) * UNITS_MS[unit]!;
  if (!(time > Date.now())) {
    throw new InvalidArgumentError('It must be a time such as 90m, 12h or 30d, or a date in the future.');
  }
  return new Date(time);
}
