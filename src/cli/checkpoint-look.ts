/** `chronovisor checkpoint list`, `show` and `verify`: what is in a store, as tables or as JSON. */
import { formatBytes, formatInstret, plainLines } from '../base/text';
import type { CheckpointArchive } from '../checkpoint/archive';
import { stateFromSections } from '../checkpoint/store/machine-state';
import type { CheckpointStore } from '../checkpoint/store/store';
import type { CheckpointSummary, StoredCheckpoint } from '../checkpoint/store/stored';
import type { SectionData } from '../machine/device';
import { decodeGuest, type GuestFile } from '../protocol';
import { readHart } from './saved-hart';
import { writeFields, writeTable, type Output } from './table';

export interface Look {
  readonly output: Output;
  readonly json: boolean;
}

/** Plain JSON of saved data: bytes as hexadecimal digits, big numbers as decimal ones. */
export function jsonOf(data: SectionData): unknown {
  if (typeof data === 'bigint') return data.toString();
  if (data instanceof Uint8Array)
    return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (Array.isArray(data)) return data.map((item: SectionData) => jsonOf(item));
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]: [string, SectionData]) => [key, jsonOf(value)]),
  );
}

/** A file can hold any number; not each one is a time. */
function savedAtOf({ savedAt, damaged }: CheckpointSummary): string | null {
  const date = new Date(savedAt);
  return damaged || Number.isNaN(date.getTime()) ? null : date.toISOString();
}

export const summaryJson = (summary: CheckpointSummary): object => ({
  id: summary.id,
  name: summary.name,
  notes: summary.notes,
  automatic: summary.automatic,
  parent: summary.parent ?? null,
  savedAt: savedAtOf(summary),
  instret: summary.instret,
  stopMicroseconds: summary.stopMicroseconds,
  ramBytes: summary.ramBytes,
  pages: summary.pages,
  addedBytes: summary.addedBytes,
  consoleTail: summary.consoleTail,
  damaged: summary.damaged,
  guest: jsonOf(summary.guest),
});

const oneLine = (text: string): string => plainLines(text).join(' ');
const limit = (bytes: number): number | null => (Number.isFinite(bytes) ? bytes : null);
const writeJson = (output: Output, value: object): void => output.write(`${JSON.stringify(value)}\n`);
const local = (iso: string | null): string => iso?.replace('T', ' ').slice(0, 19) ?? '';

export async function listCheckpoints(
  store: CheckpointStore,
  { output, json, path, layerBytes }: Look & { readonly path: string; readonly layerBytes: number },
): Promise<number> {
  const all = store.list();
  const { limitBytes, ...found } = store.statistics();
  const sizeBytes = found.sizeBytes + layerBytes;
  if (json) {
    const sizes = {
      sizeBytes,
      liveBytes: found.liveBytes + layerBytes,
      limitBytes: limit(limitBytes),
      freeBytes: limit(Math.max(0, found.freeBytes - layerBytes)),
    };
    writeJson(output, { store: path, ...sizes, checkpoints: all.map(summaryJson) });
    return 0;
  }
  if (all.length === 0 && output.isTerminal) {
    output.write('There are no checkpoints in this store.\n');
    return 0;
  }
  const columns = [
    { title: 'ID', right: true },
    { title: 'NAME' },
    { title: 'SAVED (UTC)' },
    { title: 'INSTRUCTION', right: true },
    { title: 'SIZE', right: true },
    { title: 'STOP', right: true },
    { title: 'CONSOLE' },
  ];
  writeTable(output, columns, all.map(rowOf));
  if (output.isTerminal) output.write(`\n${formatBytes(sizeBytes)} on the disk\n`);
  return 0;
}

function rowOf(summary: CheckpointSummary): string[] {
  if (summary.damaged) return [summary.id, '(damaged)', '', '', '', '', ''];
  return [
    summary.id,
    oneLine(summary.name),
    local(savedAtOf(summary)),
    formatInstret(summary.instret),
    formatBytes(summary.addedBytes),
    `${summary.stopMicroseconds} µs`,
    plainLines(summary.consoleTail).at(-1) ?? '',
  ];
}

// --- show

export async function showCheckpoint(
  store: CheckpointStore,
  summary: CheckpointSummary,
  { output, json }: Look,
): Promise<number> {
  const opened = await store.read(summary.id);
  try {
    const details = await detailsOf(opened);
    if (json) writeJson(output, { ...summaryJson(summary), ...details });
    else writeFields(output, fieldsOf(summary, details));
    return 0;
  } finally {
    opened.close();
  }
}

interface Details {
  readonly harts: readonly { readonly pc: string; readonly privilege: string; readonly waiting: boolean }[];
  readonly finished: { readonly reason: string; readonly exitCode: number } | null;
  readonly disks: readonly {
    readonly path: string;
    readonly format: string;
    readonly sizeBytes: number;
    readonly contentHash: string;
    readonly layer: string | null;
    /** Of 4 KiB, kept in the store. */
    readonly blocks: number;
  }[];
}

export const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, '0')}`;

async function detailsOf(checkpoint: StoredCheckpoint): Promise<Details> {
  const state = stateFromSections(await checkpoint.sections());
  const disks: Details['disks'][number][] = [];
  for (const { pointer, blocks } of checkpoint.disks) {
    const { path, format, sizeBytes, contentHash, layer = null } = pointer;
    let count = 0;
    for (const leaf of blocks.root.keys()) count += (await blocks.numbersIn(leaf)).length;
    disks.push({ path, format, sizeBytes, contentHash, layer, blocks: count });
  }
  const { finished } = state;
  return {
    harts: state.harts.map((block) => {
      const { pc, privilege, waiting } = readHart(block);
      return { pc: hex(pc), privilege, waiting };
    }),
    finished: finished ? { reason: finished.reason, exitCode: finished.exitCode } : null,
    disks,
  };
}

function fieldsOf(summary: CheckpointSummary, details: Details): (readonly [string, string | undefined])[] {
  return [
    ['id', summary.id],
    ['name', oneLine(summary.name)],
    ['notes', summary.notes === '' ? undefined : oneLine(summary.notes)],
    ['saved', local(savedAtOf(summary))],
    ['parent', summary.parent],
    ['instruction', formatInstret(summary.instret)],
    ['stop', `${summary.stopMicroseconds} µs`],
    ['size', `${formatBytes(summary.addedBytes)} added to the store, ${summary.pages} pages and blocks`],
    ['memory', formatBytes(summary.ramBytes)],
    ...guestFields(summary.guest),
    ...details.harts.map(({ pc, privilege, waiting }, hart): readonly [string, string] => [
      `hart ${hart}`,
      `pc ${pc}, ${privilege}-mode${waiting ? ', waiting' : ''}`,
    ]),
    [
      'ended',
      details.finished ? `${details.finished.reason}, exit code ${details.finished.exitCode}` : undefined,
    ],
    ...details.disks.map(
      ({ path, format, sizeBytes, contentHash, layer, blocks }, disk): readonly [string, string] => [
        `disk ${disk}`,
        `${oneLine(path)} (${format}, ${formatBytes(sizeBytes)}, ${contentHash})` +
          (layer === null ? `, ${blocks} blocks over it` : `, layer ${layer}`),
      ],
    ),
    ['console', plainLines(summary.consoleTail).join(' ⏎ ')],
  ];
}

/** What the guest was made of; what this version does not know is shown as it is. */
function guestFields(data: SectionData): (readonly [string, string | undefined])[] {
  let guest;
  try {
    guest = decodeGuest(data);
  } catch {
    return [['guest', oneLine(JSON.stringify(jsonOf(data)))]];
  }
  const { program, firmware, initrd, harts, kernelArgs, virtio, disks } = guest;
  const file = ({ path, hash }: GuestFile): string => `${oneLine(path)} (${oneLine(hash)})`;
  return [
    ['program', file(program)],
    ['firmware', typeof firmware === 'string' ? firmware : file(firmware)],
    ['harts', String(harts)],
    ['kernel arguments', kernelArgs === '' ? undefined : oneLine(kernelArgs)],
    ['initrd', initrd && file(initrd)],
    ['virtio', disks.length === 0 ? undefined : virtio],
  ];
}

// --- verify

export async function verifyCheckpoints(
  archive: CheckpointArchive,
  chosen: readonly CheckpointSummary[],
  { output, json }: Look,
): Promise<number> {
  const results: { id: string; name: string; ok: boolean; pages: number; problems: readonly string[] }[] = [];
  for (const { id, name } of chosen) {
    const { pages, problems } = await archive.verify(id);
    results.push({ id, name, ok: problems.length === 0, pages, problems });
  }
  const isWhole = results.every(({ ok }) => ok) && !archive.fellBack;
  if (json) writeJson(output, { ok: isWhole, fellBack: archive.fellBack, checkpoints: results });
  else {
    for (const { id, name, ok, pages, problems } of results) {
      const title = name === '' ? id : `${id} ${oneLine(name)}`;
      output.write(`${title}: ${ok ? `ok, ${pages} pages and blocks` : 'damaged'}\n`);
      for (const problem of problems) output.write(`  ${oneLine(problem)}\n`);
    }
    if (archive.fellBack) {
      output.write('The newest state of the store was damaged: what was saved last may be missing.\n');
    }
  }
  return isWhole ? 0 : 1;
}
