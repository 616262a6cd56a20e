/** `trivet init`: makes a cluster of three workers. */
import { Command } from 'commander';
import { addClusterOption, addJsonOption, type ClusterOption, examples, type JsonOption } from './options.js';

export function initCommand(): Command {
  const command = new Command('init')
    .description('create a cluster directory: certificates and keys for three workers, and the owner key')
    .option('--upgrade', 'give a cluster of an earlier version the keys that it lacks, and sign them', false)
    .addHelpText(
      'after',
      examples('trivet init', 'trivet init --cluster /srv/trivet', 'trivet init --upgrade'),
    );
  addJsonOption(addClusterOption(command));
  return command.action(async (options: ClusterOption & JsonOption & { readonly upgrade: boolean }) => {
    // Loaded only here: the service and its dependencies would slow every other command's start.
    const { createCluster, upgradeCluster } = await import('@trivet/workers');
    if (options.upgrade) {
      const cluster = await upgradeCluster(options.cluster);
      if (options.json) console.log(JSON.stringify({ cluster }));
      else {
        console.log(`The cluster ${cluster.clusterId} has keys for sealed messages, signed by its owner.`);
        console.log(
          '\nHand each worker its seal.key, start the workers again, and hand out the new cluster.json:',
        );
        console.log('to clients, to the owner, and beside the page.');
      }
      return;
    }
    const created = await createCluster(options.cluster);
    if (options.json) {
      const { clusterFile, ownerKeyFile, configFiles } = created;
      console.log(JSON.stringify({ clusterFile, ownerKeyFile, configFiles, cluster: created.cluster }));
      return;
    }
    console.log(`Created cluster ${created.cluster.clusterId} in ${options.cluster}.`);
    console.log('\nStart each worker, each on a machine of its own operator:');
    for (const file of created.configFiles) console.log(`  trivet worker --config ${file}`);
    console.log(`\nKeep ${created.ownerKeyFile} secret: whoever has it can share and serve models.`);
  });
}
