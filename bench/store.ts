/**
 * The checkpoint store against embedded databases: how fast a checkpoint of RAM is saved and read, and how large it is.
 * Numbers of docs/decisions/0010-checkpoint-store.md.
 *
 * Usage: npx tsx bench/store.ts [RAM-IMAGE [SECOND-IMAGE]]   (raw images of guest RAM; made-up pages without them)
 * The databases are measured where their packages are found; the product does not depend on them.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { deflateSync } from 'fflate';
import { Codec } from '../src/checkpoint/store/codec';
import { MemorySpace } from '../src/checkpoint/store/space';
import { CheckpointStore } from '../src/checkpoint/store/store';
import { openStore } from '../src/host/store/open-store';

const PAGE = 4096;
const MIB = 1024 * 1024;
const here = createRequire(join(process.cwd(), 'package.json'));

type Ram = readonly (Uint8Array | undefined)[];

function pagesOf(image: Uint8Array): Ram {
  const pages: (Uint8Array | undefined)[] = [];
  for (let at = 0; at < image.length; at += PAGE) {
    const page = image.subarray(at, at + PAGE);
    pages.push(page.every((byte) => byte === 0) ? undefined : page);
  }
  return pages;
}

/** 128 MiB of which a quarter is used, half of that pointers and counters; `turn` changes every twentieth page. */
function madeUp(turn: number): Ram {
  return Array.from({ length: 32_768 }, (_, number) => {
    if (number % 4 !== 0) return undefined;
    const page = new Uint8Array(PAGE);
    let state = number + 1 + (number % 80 === 0 ? turn * 99_991 : 0);
    for (let i = 0; i < PAGE; i++) {
      if (i % 8 < 3) page[i] = (state = Math.imul(state, 0x5bd1_e995) ^ (state >>> 15)) >>> 24;
      else page[i] = i % 8 === 3 ? 0x80 : 0xff;
    }
    return page;
  });
}

const milliseconds = async (action: () => unknown): Promise<number> => {
  const start = performance.now();
  await action();
  return performance.now() - start;
};

function report(name: string, values: Record<string, number>): void {
  const cells = Object.entries(values).map(([key, value]) => `${key} ${value.toFixed(value < 20 ? 1 : 0)}`);
  console.log(`${name.padEnd(28)} ${cells.join('   ')}`);
}

function benchCodec(ram: Ram): void {
  const codec = new Codec();
  const pages = ram.filter((page) => page !== undefined);
  const run = (name: string, action: (page: Uint8Array) => number): void => {
    for (const page of pages.slice(0, 500)) action(page);
    const some = pages.slice(0, 4000);
    const start = performance.now();
    const bytes = some.reduce((sum, page) => sum + action(page), 0);
    const us = ((performance.now() - start) * 1000) / some.length;
    report(name, { 'us/page': us, 'ratio x10': (10 * some.length * PAGE) / bytes });
  };
  run('hash (ours)', (page) => {
    codec.load(page);
    return codec.hash().length;
  });
  run('LZ4 (ours)', (page) => {
    codec.load(page);
    return codec.compress().bytes.length;
  });
  run('fflate deflate 1', (page) => deflateSync(page, { level: 1, mem: 0 }).length);
  run('node:zlib deflate 1', (page) => deflateRawSync(page, { level: 1 }).length);
}

async function saveTo(store: CheckpointStore, ram: Ram, like?: string): Promise<string> {
  const info = {
    name: 'bench',
    notes: '',
    automatic: false,
    savedAt: 0,
    instret: 0,
    stopMicroseconds: 0,
    ramBytes: ram.length * PAGE,
    consoleTail: '',
    guest: null,
  };
  const transaction = await store.begin({ info, sections: [], ...(like === undefined ? {} : { like }) });
  for (const [number, page] of ram.entries()) {
    if (page) transaction.putPage(number, page);
    if (number % 64 === 0) await transaction.flow();
  }
  return (await transaction.commit()).id;
}

async function readFrom(store: CheckpointStore, id: string): Promise<void> {
  const checkpoint = await store.read(id);
  for await (const number of checkpoint.ram.numbers()) await checkpoint.ram.read(number);
  checkpoint.close();
}

async function benchStore(folder: string, first: Ram, second: Ram): Promise<void> {
  const opened = await openStore(join(folder, 'store'));
  const sizeMib = (): number => statSync(opened.path).size / MIB;
  let [id, again] = ['', ''];
  const save = await milliseconds(async () => (id = await saveTo(opened.store, first)));
  const firstMib = sizeMib();
  const saveMore = await milliseconds(async () => (again = await saveTo(opened.store, second)));
  const secondMib = sizeMib();
  await opened.close();
  const openTime = performance.now();
  const later = await openStore(join(folder, 'store'));
  const checkpoint = await later.store.read(id);
  await checkpoint.ram.read(first.findIndex((page) => page !== undefined));
  const open = performance.now() - openTime;
  checkpoint.close();
  const read = await milliseconds(() => readFrom(later.store, id));
  const remove = await milliseconds(async () => {
    await later.store.delete(id);
    await later.store.delete(again);
  });
  const afterMib = sizeMib();
  await later.close();
  report('store, file', {
    'save ms': save,
    MiB: firstMib,
    'second ms': saveMore,
    'MiB now': secondMib,
    'open+page ms': open,
    'read all ms': read,
    'delete both ms': remove,
    'MiB then': afterMib,
  });
  const ram = await CheckpointStore.open(new MemorySpace());
  const inRam = await milliseconds(() => saveTo(ram, first));
  report('store, RAM', { 'save ms': inRam, 'read all ms': await milliseconds(() => readFrom(ram, '1')) });
}

/** What the measured databases have in common. Parameters and rows are theirs to name. */
interface Database {
  run(sql: string, values?: unknown[]): unknown;
  prepare(sql: string): { run(values: unknown[]): unknown };
  close(): void;
}

/** Pages by their hash, and who refers to them: the same hash and compression, kept in tables. */
function saveInTables(database: Database, checkpoint: number, ram: Ram): void {
  const codec = new Codec();
  database.run('BEGIN IMMEDIATE');
  const content = database.prepare('INSERT OR IGNORE INTO content VALUES (?, ?)');
  const page = database.prepare('INSERT INTO page VALUES (?, ?, ?)');
  for (const [number, bytes] of ram.entries()) {
    if (!bytes) continue;
    codec.load(bytes);
    const hash = codec.hash().slice();
    content.run([hash, codec.compress().bytes.slice()]);
    page.run([checkpoint, number, hash]);
  }
  database.run('COMMIT');
}

const TABLES = [
  'CREATE TABLE content (hash BLOB PRIMARY KEY, bytes BLOB) WITHOUT ROWID',
  'CREATE TABLE page (checkpoint INTEGER, number INTEGER, hash BLOB, PRIMARY KEY (checkpoint, number)) WITHOUT ROWID',
];

function find(name: string): unknown {
  try {
    return here(name);
  } catch {
    console.log(`${name.padEnd(28)} not installed: not measured`);
    return undefined;
  }
}

async function benchSqliteWasm(folder: string, first: Ram, second: Ram): Promise<void> {
  const module_ = find('node-sqlite3-wasm') as { Database: new (path: string) => Database } | undefined;
  if (!module_) return;
  const path = join(folder, 'sqlite.db');
  const database = new module_.Database(path);
  for (const sql of ['PRAGMA synchronous=FULL', ...TABLES]) database.run(sql);
  const save = await milliseconds(() => saveInTables(database, 1, first));
  const firstMib = statSync(path).size / MIB;
  const more = await milliseconds(() => saveInTables(database, 2, second));
  const secondMib = statSync(path).size / MIB;
  const remove = await milliseconds(() => {
    database.run('DELETE FROM page');
    database.run('DELETE FROM content WHERE hash NOT IN (SELECT hash FROM page)');
  });
  const afterMib = statSync(path).size / MIB;
  database.close();
  report('node-sqlite3-wasm, file', {
    'save ms': save,
    MiB: firstMib,
    'second ms': more,
    'MiB now': secondMib,
    'delete both ms': remove,
    'MiB then': afterMib,
  });
}

async function benchSqlJs(folder: string, first: Ram, second: Ram): Promise<void> {
  interface SqlJs {
    Database: new () => Database & { export(): Uint8Array };
  }
  const load = find('sql.js') as (() => Promise<SqlJs>) | undefined;
  if (!load) return;
  const database = new (await load()).Database();
  for (const sql of TABLES) database.run(sql);
  const path = join(folder, 'sqljs.db');
  const keep = (): void => writeFileSync(path, database.export());
  // The whole database is in memory, and all of it is written each time.
  const save = await milliseconds(() => {
    saveInTables(database, 1, first);
    keep();
  });
  const firstMib = statSync(path).size / MIB;
  const more = await milliseconds(() => {
    saveInTables(database, 2, second);
    keep();
  });
  report('sql.js, file', {
    'save ms': save,
    MiB: firstMib,
    'second ms': more,
    'MiB now': statSync(path).size / MIB,
  });
  database.close();
}

async function main(): Promise<void> {
  const [one, two] = process.argv.slice(2);
  const first = one === undefined ? madeUp(0) : pagesOf(readFileSync(one));
  const second = two === undefined ? (one === undefined ? madeUp(1) : first) : pagesOf(readFileSync(two));
  const used = first.filter((page) => page !== undefined).length;
  console.log(`${(first.length * PAGE) / MIB} MiB of RAM, ${used} pages in use`);
  benchCodec(first);
  const folder = mkdtempSync(join(tmpdir(), 'chronovisor-bench-'));
  try {
    await benchStore(folder, first, second);
    await benchSqliteWasm(folder, first, second);
    await benchSqlJs(folder, first, second);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main();
