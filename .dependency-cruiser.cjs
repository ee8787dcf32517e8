/** Which room of `src` may import which (a room may always import itself). */
const rooms = {
  shared: [],
  schema: ['shared'],
  protocol: ['shared', 'schema'],
  load: ['shared', 'protocol'],
  instrument: ['shared'],
  run: ['shared', 'protocol', 'load', 'instrument', 'kernels'],
  prove: ['shared', 'load', 'instrument', 'run'],
  kernels: ['shared'],
  observe: ['shared', 'kernels'],
  mask: ['shared', 'schema'],
  batch: ['shared', 'schema', 'protocol'],
  deliver: ['shared', 'protocol'],
  inspect: [
    'shared',
    'schema',
    'protocol',
    'load',
    'instrument',
    'run',
    'prove',
    'kernels',
    'observe',
    'mask',
    'batch',
  ],
  open: ['shared', 'protocol', 'schema', 'deliver'],
  attach: [
    'shared',
    'schema',
    'protocol',
    'load',
    'instrument',
    'kernels',
    'run',
    'observe',
    'inspect',
    'open',
  ],
  collect: ['shared', 'schema'],
  elements: ['shared', 'protocol'],
  playground: ['elements', 'observe'],
  headless: ['shared', 'protocol'],
  cli: [
    'shared',
    'schema',
    'protocol',
    'load',
    'instrument',
    'run',
    'prove',
    'kernels',
    'observe',
    'mask',
    'batch',
    'deliver',
    'inspect',
    'open',
    'collect',
  ],
};

/** Rooms of which only the types may be imported, and by whom. */
const typesOnly = {
  deliver: ['batch'],
  elements: ['open', 'schema'],
  playground: ['open'],
  cli: ['headless'],
};

/** Rooms that never run in Node, where a `node:` module would only break a user's bundle. */
const browserRooms =
  'shared|schema|protocol|load|instrument|run|prove|observe|mask|batch|deliver|inspect|open|attach|elements|playground|headless';

const room = (names) => `^src/(${names.join('|')})/`;
const index = '^src/index[.]ts$';

module.exports = {
  forbidden: [
    ...Object.entries(rooms).flatMap(([name, allowed]) => {
      const types = typesOnly[name] ?? [];
      return [
        {
          name: `${name}-imports`,
          comment: `src/${name} may import ${allowed.map((other) => `src/${other}`).join(', ') || 'no other room'}.`,
          severity: 'error',
          from: { path: room([name]) },
          to: {
            path: '^(src|workers|test|bin)/',
            pathNot: [
              room([name, ...allowed, ...types]),
              ...(name === 'playground' || name === 'headless' ? [index] : []),
              // A bundler turns this URL into the worker's own bundle; nothing of it is executed on the page.
              ...(name === 'open' || name === 'playground' ? ['^workers/'] : []),
            ],
          },
        },
        ...types.map((other) => ({
          name: `${name}-imports-only-types-of-${other}`,
          severity: 'error',
          from: { path: room([name]) },
          to: { path: room([other]), dependencyTypesNot: ['type-only'] },
        })),
      ];
    }),
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphan',
      comment: 'Nothing imports it, no test either, and it imports nothing: delete it.',
      severity: 'error',
      from: { orphan: true, pathNot: ['[.]d[.]ts$'] },
      to: {},
    },
    {
      name: 'index-only-from-outside',
      comment: 'src/index.ts is for users; inside, import the file itself.',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: ['^src/(playground|headless)/'] },
      to: { path: index },
    },
    {
      name: 'one-runtime',
      comment: 'onnxruntime-web is imported by src/run alone, so there is one copy and one place to look.',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: ['^src/run/'] },
      to: { path: 'onnxruntime' },
    },
    {
      name: 'no-node-in-the-browser',
      comment: 'A file for Node in one of these rooms is named *.node.ts.',
      severity: 'error',
      from: { path: `^(src/(${browserRooms})|workers)/`, pathNot: ['[.]node[.]ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-node-file-in-the-browser',
      severity: 'error',
      from: { path: `^(src/(${browserRooms})|workers)/`, pathNot: ['[.]node[.]ts$'] },
      to: { path: '[.]node[.]ts$' },
    },
    {
      name: 'resolvable',
      comment: 'The peers of the delivery benchmark are installed by that benchmark alone.',
      severity: 'error',
      from: { pathNot: '^test/bench/delivery/peers/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-dependency',
      severity: 'error',
      from: { path: '^(src|workers)/' },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only', 'npm-peer', 'npm-optional'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
