/**
 * The way of the data, as import rules: each room is imported only by those to its right.
 *   ring -> fixed, random -> kernels -> sharing -> protocols -> engine -> client -> apps
 * `graph` knows only ring and fixed; model-import knows only the graph; mpc-core never knows the wire.
 */
const core = (rooms) => `^packages/mpc-core/src/(${rooms})/`;

/** Rooms of mpc-core, and what each may import besides itself. */
const rooms = {
  ring: [],
  fixed: ['ring'],
  random: ['ring'],
  graph: ['ring', 'fixed'],
  channel: [],
  // Kernels take convolution and pooling geometry, and share the ChaCha block function.
  kernels: ['ring', 'fixed', 'random', 'graph'],
  sharing: ['ring', 'fixed', 'random', 'graph', 'kernels'],
  protocols: ['ring', 'fixed', 'random', 'graph', 'kernels', 'sharing', 'channel'],
  engine: ['ring', 'fixed', 'random', 'graph', 'kernels', 'sharing', 'channel', 'protocols'],
};

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `mpc-core-${room}`,
  comment: `mpc-core/${room} may import only: ${allowed.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: core(room) },
  to: { path: '^packages/mpc-core/src/', pathNot: core([room, ...allowed].join('|')) },
}));

/** Packages of the workspace, and which others each may import. */
const packages = {
  'packages/mpc-core': [],
  'packages/shared-types': [],
  'packages/mnist': [],
  'packages/seeded-random': [],
  'packages/at-rest': ['packages/shared-types'],
  'packages/model-import': ['packages/mpc-core'],
  'packages/client': ['packages/mpc-core', 'packages/shared-types'],
  'apps/workers': ['packages/mpc-core', 'packages/shared-types', 'packages/at-rest'],
  'apps/web': [
    'packages/client',
    'packages/mpc-core',
    'packages/shared-types',
    'packages/model-import',
    // Only the files that need no disk: the package's exports `./decode` and `./idx`.
    'packages/mnist/src/(decode|idx)\\.ts',
  ],
  'packages/node': [
    'packages/client',
    'packages/shared-types',
    'packages/mpc-core',
    'packages/model-import',
    'packages/mnist',
    'packages/at-rest',
    'apps/workers',
  ],
  'apps/cli': [
    'packages/node',
    'packages/client',
    'packages/mpc-core',
    'packages/shared-types',
    'packages/mnist',
    'packages/seeded-random',
    'packages/at-rest',
    'apps/workers',
  ],
};

const packageRules = Object.entries(packages).map(([name, allowed]) => ({
  name: `workspace-${name.replace('/', '-')}`,
  comment: `${name} may import only: ${allowed.join(', ') || 'no other package'}.`,
  severity: 'error',
  from: { path: `^${name}/src/`, pathNot: '\\.test\\.tsx?$' },
  to: { path: '^(packages|apps)/', pathNot: `^(${[name, ...allowed].join('|')})(/|$)` },
}));

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      comment: 'A package that is not among the dependencies, or a file that is not there.',
      severity: 'error',
      from: {},
      // Virtual modules of the page's build are its own.
      to: { couldNotResolve: true, pathNot: '^virtual:' },
    },
    {
      name: 'portable-packages',
      comment: 'These run in browsers: no Node built-ins.',
      severity: 'error',
      from: { path: '^packages/(mpc-core|shared-types|client|model-import)/src/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'index-is-the-front-door',
      comment: 'Inside a package, import the file, not the package index.',
      severity: 'error',
      from: { path: '^(packages|apps)/[^/]+/src/.+/' },
      to: { path: '^(packages|apps)/[^/]+/src/index\\.ts$', dependencyTypes: ['local'] },
    },
    ...roomRules,
    ...packageRules,
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '(^|/)(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs'],
    },
  },
};
