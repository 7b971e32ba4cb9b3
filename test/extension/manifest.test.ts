/** package.json's `contributes` and the code agree: no command without a title, no attribute that the adapter ignores. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDisk, parseLaunch } from '../../src/protocol';
import { parseSymbolFile } from '../../src/protocol/symbol-files';

interface Property {
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly items?: { readonly properties: Readonly<Record<string, Property>> };
}
interface Manifest {
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string }[]>>;
    readonly debuggers: readonly {
      readonly configurationAttributes: {
        readonly launch: { readonly properties: Readonly<Record<string, Property>> };
      };
      readonly configurationSnippets: readonly { readonly body: Readonly<Record<string, unknown>> }[];
    }[];
    readonly grammars: readonly { readonly path: string }[];
    readonly languages: readonly { readonly configuration: string }[];
    readonly views: { readonly debug: readonly { readonly icon: string }[] };
  };
}

const root = join(__dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { contributes } = JSON.parse(read('package.json')) as Manifest;
const attributes = contributes.debuggers[0]?.configurationAttributes.launch.properties ?? {};

describe('extension: manifest', () => {
  it('gives every command a title, an implementation and a place', () => {
    const source = read('src/extension/commands.ts');
    const titled = contributes.commands.map(({ command }) => command);
    assert.ok(titled.length > 0);
    for (const command of titled)
      assert.match(source, new RegExp(`\\b${command.replace('chronovisor.', '')}[:,]`, 'u'));
    const placed = Object.values(contributes.menus).flatMap((items) => items.map(({ command }) => command));
    assert.deepEqual([...new Set(placed)].sort(), [...titled].sort());
  });

  it('declares the launch attributes that the adapter reads, with the same defaults', () => {
    const defaults: Record<string, unknown> = { ...parseLaunch({ program: 'a.elf' }) };
    const declared = { ...attributes };
    for (const [name, { default: value }] of Object.entries(declared)) {
      if (name === 'program' || value === undefined) continue;
      const key = name === 'memory' ? 'memoryBytes' : name;
      const parsed: Record<string, unknown> = { ...parseLaunch({ program: 'a.elf', [name]: value }) };
      assert.deepEqual(parsed[key], defaults[key], name);
    }
    const optional = [
      ...['initrd', 'memory', 'store', 'checkpoint', 'threads', 'userContext', 'debugDirectories'],
    ];
    const known = [...Object.keys(defaults), ...optional].filter(
      (key) => key !== 'memoryBytes' && key !== 'noDebug',
    );
    assert.deepEqual(Object.keys(declared).sort(), known.sort());
  });

  it('offers only words that the adapter takes', () => {
    for (const name of ['console', 'idle']) {
      for (const word of attributes[name]?.enum ?? assert.fail(name))
        parseLaunch({ program: 'a.elf', [name]: word });
    }
    const disk = attributes['disks']?.items?.properties ?? {};
    assert.deepEqual(Object.keys(disk).sort(), ['file', 'format', 'readOnly', 'slot']);
    for (const format of disk['format']?.enum ?? assert.fail('format')) parseDisk({ file: 'd', format });
    const symbolFile = attributes['symbolFiles']?.items?.properties ?? {};
    assert.deepEqual(Object.keys(symbolFile).sort(), [
      ...['address', 'file', 'offset', 'process', 'sections', 'space'],
    ]);
    for (const space of symbolFile['space']?.enum ?? assert.fail('space'))
      parseSymbolFile({ file: 'd', space });
  });

  it('has snippets that launch', () => {
    const snippets = contributes.debuggers[0]?.configurationSnippets ?? [];
    assert.ok(snippets.length > 0);
    for (const { body } of snippets) {
      parseLaunch(body);
      for (const key of Object.keys(body))
        assert.ok(['type', 'request', 'name'].includes(key) || key in attributes, key);
    }
  });

  it('names files that are there', () => {
    const { grammars, languages, views } = contributes;
    const paths = [
      ...grammars.map(({ path }) => path),
      ...languages.map(({ configuration }) => configuration),
      ...views.debug.map(({ icon }) => icon),
    ];
    for (const path of paths) assert.ok(existsSync(join(root, path)), path);
  });
});
