/** A folder store on a file system that is really full: the save fails with a code, and nothing else is harmed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../src/base/errors';
import { requireTool } from '../support/tools';
import {
  BLOCK,
  beginDisks,
  close,
  endDisks,
  fresh,
  judge,
  layersOf,
  open,
  resumed,
  save,
  shown,
  write,
} from './disk-support';

const FILE_SYSTEM_BYTES = 8 << 20;
/** Less than the layer to come needs, and more than nothing, so that it fails in the middle. */
const LEFT_BYTES = 256 << 10;

describe('a folder store on a full disk', function () {
  this.timeout(20_000);
  let folder = '';
  let mounted = '';
  beforeEach(() => {
    ({ folder } = beginDisks());
  });
  afterEach(async () => {
    // Detached while files in it may be open still: the folder can be removed then.
    if (mounted !== '') execFileSync('umount', ['-l', mounted]);
    mounted = '';
    await endDisks();
  });

  /** Mounts a small file system at `folder`/small; false, with the reason shown, where that is not allowed. */
  function mount(): boolean {
    const place = join(folder, 'small');
    mkdirSync(place);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${FILE_SYSTEM_BYTES}`, 'tmpfs', place], {
        stdio: 'pipe',
      });
    } catch {
      console.log('      skipped: no file system can be mounted here (root is needed)');
      return false;
    }
    mounted = place;
    return true;
  }

  it('S5, S20: refuses the save; guest, disk and older checkpoints stay as they are, and with room all goes on', async function () {
    requireTool(this, 'qemu-img');
    if (!mount()) this.skip();
    const archive = await open('small/store');
    const { disk } = await fresh(archive);
    await write(disk, 3, 1, 20);
    const [first, wasFirst] = [await save(archive, disk, 'first'), await shown(disk)];

    const filler = join(mounted, 'filler');
    const { bavail, bsize } = statfsSync(mounted);
    writeFileSync(filler, new Uint8Array(bavail * bsize - LEFT_BYTES));
    for (let block = 0; block < 300; block++) await write(disk, block, 1 + (block % 250));
    const present = await shown(disk);
    await assert.rejects(save(archive, disk, 'second'), (error) => {
      assert.ok(error instanceof UserError, String(error));
      assert.match(error.code, /^(DISK|STORE)_FULL$/);
      return true;
    });
    assert.ok((await shown(disk)).equals(present));
    assert.deepEqual(
      (await archive.list()).map(({ name }) => name),
      ['first'],
    );
    assert.deepEqual((await archive.verify(first)).problems, []);

    rmSync(filler);
    const second = await save(archive, disk, 'second');
    await write(disk, 0, 251, 40);
    await close(archive);
    const again = await open('small/store');
    const leftovers = readdirSync(join(mounted, 'store'), { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      leftovers.filter((name) => /\.(new|partial)$/.test(name)),
      [],
    );
    assert.ok((await shown((await resumed(again, first)).disk)).equals(wasFirst));
    assert.ok((await shown((await resumed(again, second)).disk)).equals(present));
    const layer = layersOf('small/store').at(-1);
    assert.ok(layer !== undefined);
    judge(layer, present);
    assert.equal(present[BLOCK], 2);
    await close(again);
  });
});
