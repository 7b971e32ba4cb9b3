import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

describe('scripts: package-lock.json', () => {
  const path = join(__dirname, '../../package-lock.json');
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockedPackage> };

  it('has a hash and no address for every package, so that any registry serves', () => {
    for (const [name, { resolved, integrity }] of Object.entries(lock.packages)) {
      assert.equal(resolved, undefined, name);
      if (name !== '') assert.match(integrity ?? '', /^sha512-/, name);
    }
  });

  it('knows the packages of every platform: npm ci refuses a lock file that lacks some', () => {
    const locked = Object.keys(lock.packages);
    const optional = Object.values(lock.packages).flatMap((entry) =>
      Object.keys(entry.optionalDependencies ?? {}),
    );
    assert.ok(optional.length > 20);
    for (const name of optional)
      assert.ok(
        locked.some((path) => path.endsWith(`node_modules/${name}`)),
        name,
      );
  });
});
