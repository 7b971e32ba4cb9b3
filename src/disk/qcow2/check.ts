/**
 * Compares the reference counts of an image that is open for writing with what its tables refer to, and puts them right.
 * A writer that was killed leaves leaks; counts that are too low are another's doing, and are put right too, before
 * anything can be written over.
 */
import type { ByteFile } from '../types';
import { damaged, type Qcow2Header } from './header';
import type { Refcounts } from './refcounts';
import type { Tables } from './tables';

export interface Repair {
  /** Clusters that were counted more often than they are used. */
  readonly leaked: number;
  /** Clusters that were counted less often than they are used. */
  readonly undercounted: number;
}

/** In memory only: a flush of the counts makes it last. */
export async function repairCounts(
  file: ByteFile,
  name: string,
  header: Qcow2Header,
  tables: Tables,
  counts: Refcounts,
): Promise<Repair> {
  const used = await usedClusters(file, name, header, tables, counts);
  let leaked = 0;
  let undercounted = 0;
  for (const [cluster, uses] of used) {
    if (counts.count(cluster) >= uses) continue;
    undercounted++;
    counts.put(cluster, uses);
  }
  for (let cluster = 0; cluster < counts.clusters; cluster++) {
    if (counts.count(cluster) <= (used.get(cluster) ?? 0)) continue;
    leaked++;
    counts.put(cluster, used.get(cluster) ?? 0);
  }
  return { leaked, undercounted };
}

async function usedClusters(
  file: ByteFile,
  name: string,
  header: Qcow2Header,
  tables: Tables,
  counts: Refcounts,
): Promise<Map<number, number>> {
  const { clusterBytes } = tables;
  const used = new Map<number, number>();
  const use = (offset: number, bytes: number, shared = false): void => {
    if (!shared && offset % clusterBytes !== 0) throw damaged(name, 'a cluster is not where clusters can be');
    const last = Math.floor((offset + bytes - 1) / clusterBytes);
    for (let cluster = Math.floor(offset / clusterBytes); cluster <= last; cluster++) {
      const before = used.get(cluster) ?? 0;
      if (before > 0 && !shared) throw damaged(name, 'a cluster is used twice');
      used.set(cluster, before + 1);
    }
  };
  use(0, clusterBytes);
  for (const cluster of counts.ownClusters()) use(cluster * clusterBytes, clusterBytes);
  if (header.l1Entries > 0) use(header.l1Offset, header.l1Entries * 8);
  const compressed: { offset: number; length: number }[] = [];
  for (let l1Index = 0; l1Index < tables.tableCount; l1Index++) {
    const table = await tables.tableOf(l1Index);
    if (table === undefined) continue;
    use(tables.tableOffset(l1Index), clusterBytes);
    for (let index = 0; index < tables.entriesPerTable; index++) {
      const place = tables.placeIn(table, index);
      if (place.kind === 'compressed') compressed.push(place);
      else if (place.kind !== 'backing' && place.offset !== 0) use(place.offset, clusterBytes);
    }
  }
  // Compressed clusters share clusters of the file with each other, and end with it.
  for (const { offset, length } of compressed) use(offset, Math.min(length, file.sizeBytes - offset), true);
  return used;
}
