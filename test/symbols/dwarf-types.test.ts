/** Types against GDB: names, sizes, members, bits, enumerators, element by element. */
import assert from 'node:assert/strict';
import type { SymbolFile } from '../../src/symbols/symbol-file';
import type { StructType, Type } from '../../src/symbols/types';
import { GDB, gdb, open } from './support';
import { TYPED_BUILDS, typedCorpus, type TypedBuild } from './typed-support';

const C_NAMES = [
  ...['struct point', 'union number', 'struct node', 'struct flags', 'struct packed', 'struct everything'],
  ...['struct flexible', 'struct opaque', 'struct pair', 'enum color', 'enum level', 'enum big'],
  ...['handler_t', 'node_view', 'size_t', 'unsigned long', 'unsigned short', 'signed char'],
];
const CXX_NAMES = [
  ...[
    'outer::Base',
    'outer::Other',
    'outer::Virtual',
    'outer::inner::Derived',
    'outer::Mode',
    'outer::Plain',
  ],
  ...['outer::inner::Derived::Nested', 'outer::Vec<unsigned char, 4>', 'outer::Either', 'Bytes', 'bool'],
  ...['outer::Vec<outer::inner::Derived*, 2>', 'char16_t'],
];

/** Both sides print a type in these terms, one line for a part. */
const GDB_SCRIPT = `python
C = gdb
def short(t, depth=0):
    t = t.unqualified()
    c = t.code
    if depth > 12: return '...'
    if c == C.TYPE_CODE_TYPEDEF: return 'typedef ' + t.name
    if c == C.TYPE_CODE_PTR: return 'ptr(%s)' % short(t.target(), depth + 1)
    if c == C.TYPE_CODE_REF: return 'ref(%s)' % short(t.target(), depth + 1)
    if c == C.TYPE_CODE_RVALUE_REF: return 'rref(%s)' % short(t.target(), depth + 1)
    if c == C.TYPE_CODE_MEMBERPTR: return 'member(%d)' % t.sizeof
    if c == C.TYPE_CODE_METHODPTR: return 'member(%d)' % t.sizeof
    if c == C.TYPE_CODE_ARRAY:
        try:
            low, high = t.range()
            count = high - low + 1 if high >= low and '[]' not in str(t) else '?'
        except gdb.error: count = '?'
        return 'array(%s, %s)' % (count, short(t.target(), depth + 1))
    if c in (C.TYPE_CODE_STRUCT, C.TYPE_CODE_UNION):
        word = 'union' if c == C.TYPE_CODE_UNION else 'struct'
        if t.name: return '%s %s' % (word, t.name)
        return '%s {%s}' % (word, '; '.join(members(t, depth + 1)))
    if c == C.TYPE_CODE_ENUM: return 'enum ' + (t.name or '?')
    if c in (C.TYPE_CODE_FUNC, C.TYPE_CODE_METHOD):
        return 'fn(%s -> %s)' % (', '.join(short(f.type, depth + 1) for f in t.fields()), short(t.target(), depth + 1))
    if c == C.TYPE_CODE_VOID: return 'void'
    return '%s/%d' % (t.name, t.sizeof)
def members(t, depth):
    out = []
    for f in t.fields():
        if not hasattr(f, 'bitpos'):
            out.append('static %s %s' % (f.name, short(f.type, depth)))
            continue
        where = '?' if f.bitpos is None else str(f.bitpos)
        name = 'base' if f.is_base_class else (f.name or '-')
        out.append('%s %s @%s:%d' % (name, short(f.type, depth), where, f.bitsize))
    return out
def long(name, t):
    t = t.unqualified()
    c = t.code
    print('row', name, short(t), 'size', t.strip_typedefs().sizeof)
    if c == C.TYPE_CODE_TYPEDEF: print('row', name, 'is', short(t.target()))
    if c == C.TYPE_CODE_ENUM:
        for f in t.fields(): print('row', name, f.name.split('::')[-1], f.enumval)
    if c in (C.TYPE_CODE_STRUCT, C.TYPE_CODE_UNION):
        for m in members(t, 0): print('row', name, m)
`;

const ofGdb = (path: string, names: readonly string[]): string[] => {
  const asks = names.map(
    (name) => `try: long(${JSON.stringify(name)}, gdb.lookup_type(${JSON.stringify(name)}))
except gdb.error: print('row', ${JSON.stringify(name)}, 'unknown')`,
  );
  const lines = gdb(path, `${GDB_SCRIPT}\n${asks.join('\n')}\nend`).split('\n');
  return lines.filter((line) => line.startsWith('row ')).map((line) => line.slice(4));
};

const bare = (type: Type): Type => (type.kind === 'qualified' ? bare(type.target) : type);
const stripped = (type: Type): Type =>
  type.kind === 'qualified' || type.kind === 'typedef' ? stripped(type.target) : type;

const short = (given: Type): string => {
  const type = bare(given);
  switch (type.kind) {
    case 'typedef':
      return `typedef ${type.name}`;
    case 'pointer':
      return `${{ pointer: 'ptr', reference: 'ref', rvalueReference: 'rref' }[type.flavour]}(${short(type.target)})`;
    case 'memberPointer':
      return `member(${type.byteSize})`;
    case 'array':
      return type.dimensions.reduceRight((element, { count }) => {
        const known = count?.kind === 'constant' && count.value > 0n ? count.value : '?';
        return `array(${known}, ${element})`;
      }, short(type.element));
    case 'struct': {
      const word = type.keyword === 'union' ? 'union' : 'struct';
      // GDB has a spelling of its own for template arguments.
      const name = type.name?.replaceAll(' *', '*');
      return name === undefined ? `${word} {${members(type).join('; ')}}` : `${word} ${name}`;
    }
    case 'enum':
      return `enum ${type.name ?? '?'}`;
    case 'function':
      return `fn(${type.parameters.map((one) => short(one.type)).join(', ')} -> ${short(type.returns)})`;
    case 'void':
      return 'void';
    case 'base':
      return `${gdbName(type.name)}/${type.byteSize}`;
    case 'qualified':
      return assert.fail('bare');
  }
};

/** GDB writes C's types without `int` where it can. */
const gdbName = (name: string): string =>
  / int$/.test(name) && name !== 'unsigned int'
    ? name.replace(/ int$/, '').replace(/^(.*) unsigned$/, 'unsigned $1')
    : name;

const members = (type: StructType): string[] => [
  ...type.members.map((member) => {
    const bits = 'bits' in member.offset ? member.offset.bits : member.offset.bytes * 8;
    const name = member.isBase ? 'base' : (member.name ?? '-');
    const where = member.isVirtual ? '?' : String(bits);
    return `${name} ${short(member.type)} @${where}:${member.bitSize ?? 0}`;
  }),
  ...type.staticMembers.map((one) => `static ${one.name} ${short(one.type)}`),
];

const long = (file: SymbolFile, name: string): string[] => {
  const given = file.typeNamed(name);
  if (given === undefined) return [`${name} unknown`];
  const type = bare(given);
  const whole = stripped(type);
  const size = 'byteSize' in whole ? whole.byteSize : 1;
  const rows = [`${name} ${short(type)} size ${size ?? '?'}`];
  if (type.kind === 'typedef') rows.push(`${name} is ${short(type.target)}`);
  if (type.kind === 'enum') rows.push(...type.enumerators.map((one) => `${name} ${one.name} ${one.value}`));
  if (type.kind === 'struct') rows.push(...members(type).map((one) => `${name} ${one}`));
  return rows;
};

describe('DWARF types', function () {
  this.timeout(60_000);
  const corpus = typedCorpus(GDB);

  const namesOf = ({ language }: TypedBuild): string[] => (language === 'c' ? C_NAMES : CXX_NAMES);

  for (const build of TYPED_BUILDS) {
    it(`${build.name}: are as GDB says`, () => {
      const path = corpus.build(build);
      const file = open(path);
      const names = namesOf(build);
      const ours = names.flatMap((name) => long(file, name));
      const judged = TYPED_BUILDS.find((one) => one.name === (build.judged ?? build.name)) ?? assert.fail();
      const expected = ofGdb(corpus.build(judged), names);
      assert.ok(expected.length > 35, `GDB knows ${expected.length} parts`);
      assert.deepEqual(ours.sort(), expected.sort());
      assert.deepEqual(file.warnings, []);
    });
  }
});
