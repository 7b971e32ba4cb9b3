/** The same strict rules for everything; the pure rooms also have no clock, no entropy, no timers and no host. */
import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';

const pureRooms = 'base,isa,wasm,machine,disk,checkpoint,timetravel,symbols,inspect,protocol,dap';
const hostGlobals = [
  'Buffer',
  'console',
  'crypto',
  'Date',
  'fetch',
  'global',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
];

export default tseslint.config(
  { ignores: ['dist/', 'out/', 'coverage/', 'node_modules/', '.cache/', 'types/', '**/*.gen.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ['./tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: 'error',
      'prefer-const': 'error',
      'no-var': 'error',
      'max-lines': ['error', { max: 450 }],
      // Numbers, bigints and flags print well as they are; objects do not, and stay refused.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: false },
      ],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // `void | Promise<void>` is what a handler may return.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true, caughtErrors: 'all' },
      ],
      // An implementation of an asynchronous interface may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // Names of CSRs, registers and DAP fields come from specifications and index signatures.
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-expect-error': true, 'ts-ignore': true }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "ExportNamedDeclaration > VariableDeclaration[kind='let']",
          message: 'No exported let: state has an owner.',
        },
      ],
    },
  },
  {
    files: [`src/{${pureRooms}}/**/*.ts`],
    rules: {
      'no-restricted-globals': [
        'error',
        ...hostGlobals.map((name) => ({
          name,
          message: 'Pure rooms have no host: take an interface instead.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'A run must be repeatable (I1).' },
        ...hostGlobals.map((property) => ({ object: 'globalThis', property })),
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: [...builtinModules, 'vscode'],
          patterns: [{ regex: '^node:', message: 'Only host/ uses node:*.' }],
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      // node:test is not used; mocha's describe and it return nothing to wait for.
      '@typescript-eslint/no-unused-expressions': 'error',
    },
  },
);
