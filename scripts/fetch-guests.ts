/**
 * Fetches Debian's riscv64 Linux kernel and busybox with apt into .cache/guests/ (not under version control) and makes
 * an initrd from them: the real guests of the tests. Needs apt-get and dpkg-deb and Debian's archive keys, but not root.
 * The mirror is the one that this machine's own apt sources name; apt's lists, cache and status are ours, so the
 * machine's package state is neither read nor changed. What is there already is not fetched again: a second run needs
 * no network.
 *
 * With --debug also that kernel's debug information, of which the package has a gigabyte.
 *
 * Result: see test/support/guests.ts for the paths.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { guest, guestFolder, guestPath, type GuestName } from '../test/support/guests';
import { linuxInitrd, moduleInitrd, type KernelModule } from '../test/support/initrd';
import { readKallsyms, systemMap } from './kallsyms';
import { debianMirror, parseAptSources } from './apt-sources';

const suite = 'trixie';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What the second initrd offers; what these modules need themselves is added. ext4 asks for crc32c by its service. */
const wantedModules = ['virtio_mmio', 'virtio_blk', 'virtio_rng', 'crc32c_generic', 'ext4'];
const moduleFolder = join(guestFolder, 'linux/modules');
const orderFile = join(moduleFolder, 'order');

function run(command: string, args: readonly string[], cwd: string): Buffer {
  return execFileSync(command, args, {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 28,
  });
}

function findMirror(): string {
  const folder = '/etc/apt/sources.list.d';
  const extra = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const files = ['/etc/apt/sources.list', ...extra].filter(
    (path) => /\.(list|sources)$/.test(path) && existsSync(path),
  );
  const sources = files.flatMap((path) => parseAptSources(path, readFileSync(path, 'utf8')));
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const mirror = debianMirror(sources, codename);
  if (mirror === undefined) throw new Error('no Debian mirror found in the apt sources of this machine');
  if (!existsSync(keyring)) throw new Error(`${keyring} is missing: install debian-archive-keyring`);
  return mirror;
}

/** A riscv64 world of apt's own below `folder`: lists, cache and status of the machine stay as they are. */
function aptOptions(folder: string): string[] {
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
  writeFileSync(join(folder, 'status'), '');
  const source = `deb [arch=riscv64 signed-by=${keyring}] ${findMirror()} ${suite} main\n`;
  writeFileSync(join(folder, 'sources.list'), source);
  const settings: Record<string, string> = {
    'APT::Architecture': 'riscv64',
    'APT::Architectures': 'riscv64',
    // apt's own user could not write below a folder of ours.
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::Status': join(folder, 'status'),
    'Dir::State::Extended_States': join(folder, 'extended_states'),
    'Dir::Cache': join(folder, 'cache'),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

/** Downloads the packages and unpacks them all into one folder, whose path it returns. */
function fetchPackages(work: string): string {
  const options = aptOptions(work);
  run('apt-get', [...options, '-qq', 'update'], work);
  const depends = run('apt-cache', [...options, 'depends', 'linux-image-riscv64'], work).toString();
  const kernel = /Depends: (linux-image-6\.12\.\S+)/.exec(depends)?.[1];
  if (kernel === undefined) throw new Error(`${suite} has no linux-image-6.12: ${depends}`);
  console.log(`guests: fetching ${kernel} and busybox-static`);
  run('apt-get', [...options, '-qq', 'download', kernel, 'busybox-static'], work);
  const root = join(work, 'root');
  for (const name of readdirSync(work).filter((file) => file.endsWith('.deb')))
    run('dpkg-deb', ['-x', name, root], work);
  return root;
}

function only(folder: string, prefix: string): string {
  const [name, ...others] = readdirSync(folder).filter((file) => file.startsWith(prefix));
  if (name === undefined || others.length > 0) throw new Error(`expected one ${prefix}* in ${folder}`);
  return join(folder, name);
}

/** The names in the `depends=` field of a module's .modinfo section. */
function dependencies(module: Uint8Array): string[] {
  const field = /\0depends=([^\0]*)\0/.exec(Buffer.from(module).toString('latin1'))?.[1] ?? '';
  return field.split(',').filter((name) => name !== '');
}

/** The wanted modules and what they need, dependencies first. A module's file name may have - where its name has _. */
function collectModules(root: string): KernelModule[] {
  const folder = only(join(root, 'usr/lib/modules'), '6.12.');
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.name.endsWith('.ko.xz'))
      files.set(basename(entry.name, '.ko.xz').replaceAll('-', '_'), join(entry.parentPath, entry.name));
  const found = new Map<string, KernelModule>();
  const visit = (name: string): void => {
    const key = name.replaceAll('-', '_');
    const file = files.get(key);
    // What is not there as a file is built into the kernel.
    if (file === undefined || found.has(key)) return;
    const data = run('xz', ['-dc', file], root);
    dependencies(data).forEach(visit);
    found.set(key, { name: key, data });
  };
  wantedModules.forEach(visit);
  return [...found.values()];
}

/** Fills .cache/guests from the packages; each file appears under its name only when it is complete. */
function install(root: string): void {
  mkdirSync(moduleFolder, { recursive: true });
  const put = (path: string, data: Uint8Array | string): void => {
    writeFileSync(`${path}.new`, data);
    renameSync(`${path}.new`, path);
  };
  const modules = collectModules(root);
  for (const { name, data } of modules) put(join(moduleFolder, `${name}.ko`), data);
  put(orderFile, modules.map(({ name }) => `${name}\n`).join(''));
  copyFileSync(only(join(root, 'boot'), 'config-'), join(guestFolder, 'linux/config'));
  put(guestPath('busybox'), readFileSync(join(root, 'usr/bin/busybox')));
  const image = readFileSync(only(join(root, 'boot'), 'vmlinu'));
  if (image.toString('latin1', 0x30, 0x35) !== 'RISCV') throw new Error('the kernel is no raw RISC-V Image');
  // The package's own System.map only says that the real one is elsewhere (in a package of nearly a gigabyte).
  put(guestPath('system-map'), systemMap(readKallsyms(image)));
  put(guestPath('linux-image'), image);
}

/** The kernel and the wanted modules with their debug information, of the very build that is there. */
function fetchDebug(): void {
  const version = /Linux version (\S+)/.exec(readFileSync(guestPath('linux-image'), 'latin1'))?.[1] ?? '';
  const target = dirname(guestPath('linux-debug'));
  const work = mkdtempSync(join(guestFolder, 'debug-'));
  try {
    const options = aptOptions(work);
    run('apt-get', [...options, '-qq', 'update'], work);
    console.log(`guests: fetching the debug information of Linux ${version}`);
    run('apt-get', [...options, '-qq', 'download', `linux-image-${version}-dbg`], work);
    const modules = readFileSync(orderFile, 'utf8').trim().split('\n');
    // File names may have - where module names have _.
    const patterns = ['*/boot/vmlinux-*', ...modules.map((name) => `*/${name.replaceAll('_', '?')}.ko`)];
    const wanted = patterns.map((pattern) => `'${pattern}'`).join(' ');
    run('sh', ['-c', `dpkg-deb --fsys-tarfile *.deb | tar x --wildcards ${wanted}`], work);
    mkdirSync(target, { recursive: true });
    for (const entry of readdirSync(work, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !/^vmlinux-|\.ko$/.test(entry.name)) continue;
      const name = entry.name.endsWith('.ko') ? entry.name.replaceAll('-', '_') : 'vmlinux';
      renameSync(join(entry.parentPath, entry.name), join(target, name));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Made anew each time, since its recipe is part of this repository; written only if it differs. */
function makeInitrds(): void {
  const order = readFileSync(orderFile, 'utf8').trim().split('\n');
  const modules = order.map((name) => ({ name, data: readFileSync(join(moduleFolder, `${name}.ko`)) }));
  const plain = Buffer.from(linuxInitrd(readFileSync(guestPath('busybox'))));
  const initrds = new Map<GuestName, Buffer>([
    ['linux-initrd', plain],
    ['linux-initrd-modules', Buffer.concat([plain, moduleInitrd(modules)])],
  ]);
  for (const [name, data] of initrds) {
    const path = guestPath(name);
    if (existsSync(path) && readFileSync(path).equals(data)) continue;
    writeFileSync(`${path}.new`, data);
    renameSync(`${path}.new`, path);
    console.log(`guests: made ${basename(path)}, ${data.length} bytes`);
  }
}

function main(): void {
  const needed: GuestName[] = ['linux-image', 'system-map', 'busybox'];
  const modules = existsSync(orderFile) ? readFileSync(orderFile, 'utf8').trim().split('\n') : [];
  const complete = wantedModules.every((name) => modules.includes(name));
  if (needed.some((name) => guest(name) === undefined) || !complete) {
    mkdirSync(guestFolder, { recursive: true });
    const work = mkdtempSync(join(guestFolder, 'fetch-'));
    try {
      install(fetchPackages(work));
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  makeInitrds();
  if (process.argv.includes('--debug') && guest('linux-debug') === undefined) fetchDebug();
  console.log(`guests: ready in ${guestFolder}`);
}

try {
  main();
} catch (error) {
  console.error(`guests: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
