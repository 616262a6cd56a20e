/** `trivet init`: makes a cluster of three workers, or gives one of an earlier version what it lacks. */
import { join } from 'node:path';
import { isSealingPublicKey, TrivetError } from '@trivet/shared-types';
import { Command, InvalidArgumentError } from 'commander';
import { addClusterOption, addJsonOption, type ClusterOption, examples, type JsonOption } from './options.js';

interface InitOptions extends ClusterOption, JsonOption {
  readonly upgrade: boolean;
  readonly sealingKey: ReadonlyMap<string, string>;
}

export function initCommand(): Command {
  const command = new Command('init')
    .description('create a cluster directory: certificates and keys for three workers, and the owner key')
    .option('--upgrade', 'give a cluster of an earlier version the keys that it lacks, and sign them', false)
    .option(
      '--sealing-key <name=key>',
      'with --upgrade: what `trivet keys sealing` printed for a worker whose folder is elsewhere; may be given again',
      collectKey,
      new Map(),
    )
    .addHelpText(
      'after',
      examples(
        'trivet init',
        'trivet init --cluster /srv/trivet',
        'trivet init --upgrade',
        'trivet init --upgrade --sealing-key alice=04… --sealing-key bob=04… --sealing-key carol=04…',
      ),
    );
  addJsonOption(addClusterOption(command));
  return command.action((options: InitOptions) => (options.upgrade ? upgrade(options) : create(options)));
}

async function create({ cluster, json, sealingKey }: InitOptions): Promise<void> {
  if (sealingKey.size > 0) throw new TrivetError('INVALID_ARGUMENT', '--sealing-key goes with --upgrade.');
  // Loaded only here: the service and its dependencies would slow every other command's start.
  const { createCluster } = await import('@trivet/workers');
  const created = await createCluster(cluster);
  if (json) {
    const { clusterFile, ownerKeyFile, configFiles } = created;
    console.log(JSON.stringify({ clusterFile, ownerKeyFile, configFiles, cluster: created.cluster }));
    return;
  }
  console.log(`Created cluster ${created.cluster.clusterId} in ${cluster}.`);
  console.log('\nStart each worker, each on a machine of its own operator:');
  for (const file of created.configFiles) console.log(`  trivet worker --config ${file}`);
  console.log(`\nKeep ${created.ownerKeyFile} secret: whoever has it can share and serve models.`);
}

async function upgrade({ cluster: directory, json, sealingKey }: InitOptions): Promise<void> {
  const { upgradeCluster } = await import('@trivet/workers');
  const { cluster, isChanged, made } = await upgradeCluster(directory, sealingKey);
  if (json) {
    console.log(JSON.stringify({ cluster, isChanged, made }));
    return;
  }
  if (!isChanged) {
    console.log(`The cluster ${cluster.clusterId} lacks nothing; nothing was changed.`);
    return;
  }
  console.log(`The cluster ${cluster.clusterId} has keys for sealed messages, signed by its owner.\n`);
  if (made.length > 0) {
    const names = new Intl.ListFormat('en').format(made);
    console.log(
      `Hand each of ${names} the new seal.key of its folder, over a channel that nobody else reads,`,
    );
    console.log('and have it started again.');
  }
  console.log(
    `Hand out the new ${join(directory, 'cluster.json')}: to clients, to the owner, and beside the page.`,
  );
}

function collectKey(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name, key] = /^([a-z0-9-]+)=([0-9a-f]+)$/.exec(text) ?? [];
  if (name === undefined || key === undefined || !isSealingPublicKey(key)) {
    throw new InvalidArgumentError('It must be a line that `trivet keys sealing` has printed: NAME=KEY.');
  }
  return new Map([...before, [name, key]]);
}
