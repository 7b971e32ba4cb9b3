/**
 * The process that is fuzzed: `child.ts SECONDS FIRST_SEED AT_LEAST FILE...` asks damaged copies of the files everything,
 * seed after seed, until its time is over and it has asked as many as it should. Its memory is bounded by how it is started. Prints the seed before anything that can fail.
 */
import { readFileSync } from 'node:fs';
import { bytesSource } from '../../../src/symbols/bytes';
import { ElfFile } from '../../../src/symbols/elf/elf-file';
import { askEverything } from './ask';
import { mutate } from './mutate';

const [seconds = '1', first = '1', atLeast = '1', ...paths] = process.argv.slice(2);
const files = paths.map((path) => {
  const bytes = Uint8Array.from(readFileSync(path));
  const text = ElfFile.open(bytesSource(bytes)).sectionNamed('.text');
  const step = BigInt(Math.max(2, Math.floor((text?.size ?? 0) / 8)));
  return {
    path,
    bytes,
    addresses: Array.from({ length: 8 }, (_, i) => (text?.address ?? 0n) + BigInt(i) * step),
  };
});
const ends = Date.now() + Number(seconds) * 1000;
let count = 0;
for (let seed = Number(first); count < Number(atLeast) || Date.now() < ends; seed++) {
  const file = files[seed % files.length];
  if (file === undefined) break;
  const damaged = mutate(file.bytes, seed);
  // Every third file finds damaged companions wherever it looks for some.
  const companion = seed % 3 === 0 ? () => bytesSource(mutate(file.bytes, seed + 1)) : undefined;
  try {
    askEverything(damaged, file.addresses, companion);
  } catch (error) {
    console.log(
      `seed ${seed} of ${file.path}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exit(1);
  }
  count++;
  process.send?.(seed);
}
console.log(`${count} damaged files`);
