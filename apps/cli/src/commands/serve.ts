/** `trivet serve`: serves a shared model until a limit, or until interrupted. */
import type { Reveal } from '@trivet/mpc-core';
import { ACCESS_MODES, type AccessMode } from '@trivet/shared-types';
import { Command, Option } from 'commander';
import { interruptible } from '../interrupt.js';
import { reportLosses } from '../losses.js';
import { accessSentence } from './access.js';
import {
  addClusterOption,
  addProtocolOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type ProtocolOption,
  revealed,
  type TimeoutOption,
  wholeNumber,
} from './options.js';
import { withOwner } from './owner.js';

interface ServeCommandOptions extends ClusterOption, ProtocolOption, TimeoutOption {
  readonly modelVersion?: number;
  readonly numRequests?: number;
  readonly detach?: true;
  readonly reveal?: Reveal;
  readonly access?: AccessMode;
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve a shared model: predictions of it are answered until the limit, or until Ctrl-C')
    .argument('<name>', 'name of the model')
    .option('--model-version <number>', 'the version to serve; the newest unless told', wholeNumber(1))
    .option(
      '--num-requests <count>',
      'stop after so many predictions; the model stays shared',
      wholeNumber(1),
    )
    .addOption(
      new Option(
        '--reveal <what>',
        'refuse to serve a version that reveals more to its clients: label, or top-K; what it reveals was said when it was shared',
      ).argParser(revealed),
    )
    .addOption(
      new Option(
        '--access <mode>',
        'who may ask; as `trivet access` says, or this machine alone, unless told',
      ).choices([...ACCESS_MODES]),
    )
    .option('--detach', 'return at once and leave the workers serving; end it with `trivet stop`')
    .addHelpText(
      'after',
      examples(
        'trivet serve mnist',
        'trivet serve mnist --num-requests 3',
        'trivet serve mnist --reveal label',
        'trivet serve mnist --model-version 2 --detach',
        'trivet serve mnist --detach --protocol fss',
      ),
    );
  addProtocolOption(
    command,
    'how the workers compute, where a request names no protocol; the first that the model allows unless told',
  );
  addTimeoutOption(addClusterOption(command), 30);
  return command.action((name: string, options: ServeCommandOptions) =>
    interruptible((signal) =>
      withOwner(options.cluster, { signal, timeoutMs: options.timeout * 1000 }, async (owner) => {
        const requestLimit = options.numRequests ?? null;
        const protocol = options.protocol ?? null;
        const { modelVersion: version, reveal, access } = options;
        const sayWhoMayAsk = async () => {
          const mode = (await owner.access.modes({ signal }))[name] ?? 'tokens';
          console.error(accessSentence(name, mode));
        };
        if (options.detach) {
          const timeoutMs = options.timeout * 1000;
          await owner.startServing(name, {
            requestLimit,
            protocol,
            version,
            reveal,
            access,
            signal,
            timeoutMs,
          });
          await sayWhoMayAsk();
          console.log(`Model "${name}" is being served; end it with \`trivet stop ${name}\`.`);
          return;
        }
        const onStarted = () => {
          const until = requestLimit === null ? 'press Ctrl-C to stop' : `for ${requestLimit} predictions`;
          console.error(`Serving model "${name}": ${until}.`);
          sayWhoMayAsk().catch(() => undefined);
        };
        const onServed = (number: number) => console.log(`Served encrypted prediction ${number} to client.`);
        owner.onStatus(reportLosses((sentence) => console.error(sentence)));
        await owner.serve(name, {
          requestLimit,
          protocol,
          version,
          reveal,
          access,
          onStarted,
          onServed,
          signal,
        });
        console.error(`Model "${name}" is not served any more; it stays shared.`);
      }),
    ),
  );
}
