/**
 * The process that test/disk/kill.test.ts kills: it writes to a disk, saves checkpoints, deletes and commits some, and
 * says so on its output after each is done. Usage: kill-child FOLDER SEED.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { CowDisk, type CowContents } from '../../src/disk/cow-disk';
import { WritableRaw } from '../../src/disk/images';
import { LayerFiles } from '../../src/disk/layer-files';
import { openNodeFile } from '../../src/host/disk/node-file';
import { openNodeFolder } from '../../src/host/disk/node-folder';
import { writesOf } from './kill-writes';

async function main(folder: string, seed: number): Promise<void> {
  const base = new WritableRaw(await openNodeFile(join(folder, 'base.raw'), 'write'));
  const under = { name: join(folder, 'base.raw'), format: 'raw', image: base } as const;
  const files = await LayerFiles.open(await openNodeFolder(join(folder, 'layers')), under, []);
  const disk = new CowDisk(base);
  const kept: { name: string; contents: CowContents }[] = [];
  const say = (text: string): void => void writeSync(1, `${text}\n`);
  for (let round = 0; ; round++) {
    for (const { offset, data } of writesOf(seed, round)) {
      const operation = disk.begin({ op: 'write', offset, data });
      await operation.whenReady();
      operation.complete();
    }
    const contents = disk.freeze();
    await files.save(contents, `r${round}`);
    say(`saved r${round}`);
    kept.push({ name: `r${round}`, contents });
    if (round % 3 === 2) {
      const [gone] = kept.splice((seed + round) % kept.length, 1);
      if (gone === undefined) continue;
      say(`deleting ${gone.name}`);
      gone.contents.release();
      await files.release(gone.name);
    }
    const [oldest] = kept;
    if (round % 4 === 3 && oldest?.contents.isUnderAll === true) await files.commit(oldest.name, base);
  }
}

/** What to run. */
export const childPath = __filename;
if (require.main === module) void main(process.argv[2] ?? '', Number(process.argv[3]));
