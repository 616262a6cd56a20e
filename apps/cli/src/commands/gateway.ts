/** `trivet gateway`: TensorFlow Serving's REST API, answered by private predictions. */
import { readCluster } from '@trivet/node';
import { tuneV8 } from '@trivet/workers/tune-v8';
import { Command, InvalidArgumentError } from 'commander';
import { DEFAULT_MAX_BODY_BYTES, DEFAULT_TIMEOUT_MS, MOST_BODY_BYTES } from '../gateway/limits.js';
import { onInterrupt } from '../interrupt.js';
import {
  addClusterOption,
  addProtocolOption,
  addTimeoutOption,
  type ClusterOption,
  examples,
  type ProtocolOption,
  type TimeoutOption,
  wholeNumber,
} from './options.js';
import { addTokenOptions, findToken, type TokenOptions } from './token-options.js';

interface GatewayCommandOptions extends ClusterOption, ProtocolOption, TimeoutOption, TokenOptions {
  readonly host: string;
  readonly port: number;
  readonly cors: readonly string[];
  readonly maxBody: number;
}

export function gatewayCommand(): Command {
  const command = new Command('gateway')
    .description(
      "TensorFlow Serving's REST API for private predictions: shares what it is sent among the workers and adds " +
        'their replies up. It sees inputs and answers in the clear: run it on the machine of whoever has the data',
    )
    .option('--port <number>', 'where to listen; 0: any free port', wholeNumber(0, 65_535), 8501)
    .option(
      '--host <address>',
      'address to listen on; any other than this machine trusts everybody there',
      '127.0.0.1',
    )
    .option(
      '--cors <origin>',
      'web origin whose pages may ask, such as https://example.org, or "*"; may be given again',
      collectOrigin,
      [],
    )
    .option(
      '--max-body <bytes>',
      'largest request body',
      wholeNumber(1, MOST_BODY_BYTES),
      DEFAULT_MAX_BODY_BYTES,
    )
    .addHelpText(
      'after',
      examples(
        'trivet gateway --cluster /srv/trivet',
        `curl -d '{"instances": [1.0, 2.0, 5.0]}' http://localhost:8501/v1/models/half_plus_two:predict`,
      ),
    );
  addProtocolOption(command, 'how the workers compute; the one that a model is served with unless told');
  addTimeoutOption(addClusterOption(addTokenOptions(command)), DEFAULT_TIMEOUT_MS / 1000);
  return command.action(async (options: GatewayCommandOptions) => {
    const { host, port, maxBody, cors } = options;
    tuneV8();
    const { signal, release } = onInterrupt();
    try {
      const cluster = await readCluster(options.cluster);
      const token = await findToken(options);
      // Loaded only here: no other command needs an HTTP server or metrics.
      const { startGateway } = await import('../gateway/gateway.js');
      const { isLoopback } = await import('../gateway/guard.js');
      const gateway = await startGateway({
        cluster,
        token,
        host,
        port,
        origins: cors,
        protocol: options.protocol ?? null,
        maxBodyBytes: maxBody,
        timeoutMs: options.timeout * 1000,
        onNotice: (sentence) => console.error(sentence),
      });
      console.log(`Listening on ${gateway.url}: POST /v1/models/MODEL:predict. Ctrl-C stops it.`);
      console.error(
        isLoopback(host)
          ? 'It sees inputs and answers in the clear, so it answers programs of this machine only.'
          : `It sees inputs and answers in the clear, without TLS and without a login: whoever reaches ${host} may ask.`,
      );
      if (!signal.aborted) {
        await new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => resolve(), { once: true }),
        );
      }
      await gateway.stop();
    } finally {
      release();
    }
  });
}

function collectOrigin(text: string, before: readonly string[]): string[] {
  const origin = URL.canParse(text) ? new URL(text).origin : '*';
  if (origin !== text)
    throw new InvalidArgumentError('It must be an origin such as https://example.org, or "*".');
  return [...before, text];
}
