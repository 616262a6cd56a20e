/** `trivet init`: makes a cluster of three workers. */
import { Command } from 'commander';
import { addClusterOption, addJsonOption, type ClusterOption, examples, type JsonOption } from './options.js';

export function initCommand(): Command {
  const command = new Command('init')
    .description('create a cluster directory: certificates and keys for three workers, and the owner key')
    .addHelpText('after', examples('trivet init', 'trivet init --cluster /srv/trivet'));
  addJsonOption(addClusterOption(command));
  return command.action(async (options: ClusterOption & JsonOption) => {
    // Loaded only here: the service and its dependencies would slow every other command's start.
    const { createCluster } = await import('@trivet/workers');
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
