/**
 * The rooms of src/ and who may know whom (docs/ARCHITECTURE.md). A room may import what stands in its row and the same
 * room; everything else is refused. Type imports count too.
 */

const rooms = {
  base: [],
  wasm: ['base'],
  // The semantics of an instruction are written as WebAssembly expressions for both engines.
  isa: ['base', 'wasm'],
  symbols: ['base'],
  disk: ['base'],
  protocol: ['base'],
  machine: ['base', 'isa', 'wasm'],
  checkpoint: ['base', 'isa', 'wasm', 'machine', 'disk'],
  timetravel: ['base', 'isa', 'wasm', 'machine', 'disk', 'checkpoint'],
  inspect: ['base', 'symbols'],
};
const core = [...Object.keys(rooms)];
rooms.dap = core;
rooms.host = [...core, 'dap'];
rooms.cli = [...core, 'dap', 'host'];
rooms.extension = ['base', 'protocol', 'dap', 'host'];

const pure = [...core, 'dap'];
const anyOf = (names) => `^src/(${names.join('|')})/`;

const roomRules = Object.entries(rooms).map(([room, below]) => ({
  name: `room-${room}`,
  comment: `${room}/ may import only: ${below.join(', ') || 'nothing'}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: anyOf([room, ...below]) },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'room-unknown',
      comment: 'a new room needs a row in .dependency-cruiser.cjs',
      severity: 'error',
      from: { path: '^src/', pathNot: anyOf(Object.keys(rooms)) },
      to: {},
    },
    {
      name: 'node-only-in-host',
      comment: 'node:* belongs to host/ (and cli/); declare an interface and let host/ implement it',
      severity: 'error',
      from: { path: '^src/', pathNot: anyOf(['host', 'cli']) },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'vscode-only-in-extension',
      severity: 'error',
      from: { pathNot: ['^src/extension/', '^test/extension/', '^test/e2e/'] },
      to: { path: '^vscode$' },
    },
    {
      name: 'no-package-in-pure-rooms',
      comment:
        'pure rooms take types of the debug adapter protocol and pure decompressors, nothing else from npm',
      severity: 'error',
      from: { path: anyOf(pure) },
      to: { path: 'node_modules', pathNot: 'node_modules/(@vscode/debugprotocol|fflate|fzstd)/' },
    },
    {
      name: 'product-does-not-know-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts|samples)/' },
    },
    {
      name: 'devices-do-not-know-each-other',
      comment: 'a device sees the bus, interrupt and scheduler interfaces, never another device',
      severity: 'error',
      from: { path: '^src/machine/devices/(clint|plic|uart|rtc|finisher|virtio[-/]?(?:blk|rng|console))' },
      to: {
        path: '^src/machine/devices/(clint|plic|uart|rtc|finisher|virtio[-/]?(?:blk|rng|console))',
        pathNot: '^src/machine/devices/$1',
      },
    },
    {
      name: 'no-cycles',
      comment: 'cycles of type imports are harmless; the others make the order of loading matter',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.json', '.d.ts'] },
  },
};
