import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDeviceTree, type DeviceTreeConfig } from '../../src/machine/devicetree';
import { cells, flattenDeviceTree, node, strings } from '../../src/machine/fdt';
import { requireTool } from '../support/tools';

const CONFIG: DeviceTreeConfig = {
  memoryBytes: 128 << 20,
  harts: 2,
  isa: 'rv64imafdc_zicsr_zifencei_zicboz_sstc',
  extensions: ['i', 'm', 'a', 'f', 'd', 'c', 'zicsr', 'zifencei', 'zicboz', 'sstc'],
  mmuType: 'sv57',
  bootargs: 'console=ttyS0 root=/dev/vda',
  initrd: { start: 0x84000000, end: 0x84123456 },
};

/** Nodes of ours that QEMU 7.2 does not show, and properties that differ for a reason. */
const OURS_ONLY = ['/aliases'];
const MACHINE_SPECIFIC =
  /^(phandle|interrupts-extended|interrupt-parent|regmap|cpu|riscv,.*|mmu-type|rng-seed|bootargs|linux,initrd-.*)$/;

/** Paths of the nodes with their properties, from the source that dtc writes. */
function parse(source: string): Map<string, Map<string, string>> {
  const nodes = new Map<string, Map<string, string>>();
  const path: string[] = [];
  for (const line of source.split('\n').map((text) => text.trim())) {
    const opening = /^(\S+) \{$/.exec(line)?.[1];
    const property = /^([^\s=]+)(?: = (.*))?;$/.exec(line);
    if (opening !== undefined) {
      path.push(opening === '/' ? '' : opening);
      nodes.set(path.join('/'), new Map());
    } else if (line === '};') {
      path.pop();
    } else if (property?.[1] !== undefined) {
      nodes.get(path.join('/'))?.set(property[1], property[2] ?? '');
    }
  }
  return nodes;
}

describe('device tree', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'chronovisor-dt-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** dtc's source of a blob; it fails for one that it cannot read. */
  const decompile = (blob: string): string =>
    execFileSync('dtc', ['-q', '-I', 'dtb', '-O', 'dts', blob], { encoding: 'utf8' });

  it('is accepted by dtc', function () {
    requireTool(this, 'dtc');
    const blob = join(folder, 'ours.dtb');
    for (const harts of [1, 8]) {
      const reserved = [{ name: 'firmware', start: 0x80000000, sizeBytes: 0x80000 }];
      writeFileSync(blob, buildDeviceTree({ ...CONFIG, harts, reserved }));
      const nodes = parse(decompile(blob));
      assert.equal([...nodes.keys()].filter((path) => /^\/cpus\/cpu@\d$/.test(path)).length, harts);
      assert.equal(nodes.get('/chosen')?.get('bootargs'), '"console=ttyS0 root=/dev/vda"');
      assert.equal(nodes.get('/chosen')?.get('linux,initrd-end'), '<0x00 0x84123456>');
      assert.equal(nodes.get('/cpus/cpu@0')?.get('riscv,cboz-block-size'), '<0x40>');
      assert.equal(nodes.get('/cpus/cpu@0')?.get('riscv,isa-base'), '"rv64i"');
      assert.equal(nodes.get('/reserved-memory/firmware@80000000')?.get('no-map'), '');
    }
  });

  it('has the nodes, addresses and interrupts of QEMU virt', function () {
    requireTool(this, 'dtc', 'qemu-system-riscv64');
    const theirs = join(folder, 'qemu.dtb');
    const ours = join(folder, 'ours.dtb');
    const args = ['-M', `virt,dumpdtb=${theirs}`, '-smp', '2', '-m', '128M', '-nographic'];
    execFileSync('qemu-system-riscv64', args, { stdio: 'ignore', timeout: 30_000 });
    writeFileSync(ours, buildDeviceTree(CONFIG));
    const wanted = parse(decompile(theirs));
    const mine = parse(decompile(ours));
    for (const [path, properties] of mine) {
      const reference = wanted.get(path);
      if (OURS_ONLY.includes(path) && reference === undefined) continue;
      assert.ok(reference, `QEMU has no ${path}`);
      for (const [name, value] of properties) {
        if (!MACHINE_SPECIFIC.test(name)) assert.equal(value, reference.get(name), `${path} ${name}`);
      }
    }
    const left = [...wanted.keys()].filter((path) => !mine.has(path));
    const notEmulated = [
      '/flash@20000000',
      '/fw-cfg@10100000',
      '/platform-bus@4000000',
      '/pmu',
      '/soc/pci@30000000',
    ];
    assert.deepEqual(left.filter((path) => path !== '/aliases').sort(), notEmulated);
  });

  it('writes what dtc writes', function () {
    requireTool(this, 'dtc');
    const source = join(folder, 'small.dts');
    const blob = join(folder, 'small.dtb');
    writeFileSync(source, '/dts-v1/; / { a = <1 2>; n@1 { b = "x", "y"; a = <3>; }; };');
    execFileSync('dtc', ['-q', '-O', 'dtb', '-o', blob, source]);
    const tree = node('', [cells('a', 1, 2)], [node('n@1', [strings('b', 'x', 'y'), cells('a', 3)])]);
    const expected = readFileSync(blob);
    // dtc does not pad the end to 8 bytes, so totalsize differs; the structure and the names do not.
    assert.deepEqual(
      flattenDeviceTree(tree).subarray(8, expected.length),
      new Uint8Array(expected.subarray(8)),
    );
  });

  it('refuses a NUL in a string', () => {
    assert.throws(() => buildDeviceTree({ ...CONFIG, bootargs: 'a\0b' }), { code: 'DEVICE_TREE_STRING' });
  });
});
