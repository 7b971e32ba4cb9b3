import assert from 'node:assert/strict';
import { debianMirror, parseAptSources } from '../../scripts/apt-sources';

describe('scripts: apt sources', () => {
  it('reads one-line sources', () => {
    const text = `# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian bookworm main contrib # why
deb-src http://a.example/debian bookworm main
deb http://a.example/debian-security bookworm-security main
`;
    assert.deepEqual(parseAptSources('sources.list', text), [
      { uri: 'http://a.example/debian', suite: 'bookworm', components: ['main', 'contrib'] },
      { uri: 'http://a.example/debian-security', suite: 'bookworm-security', components: ['main'] },
    ]);
  });

  it('reads deb822 sources: continued and commented lines, several suites, disabled paragraphs', () => {
    const text = `Types: deb deb-src
# http://archive.example/2025
URIs: http://a.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /k.gpg

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://src.example/debian
Suites: bookworm
Components: main
`;
    assert.deepEqual(parseAptSources('debian.sources', text), [
      { uri: 'http://a.example/debian', suite: 'bookworm', components: ['main'] },
      { uri: 'http://a.example/debian', suite: 'bookworm-updates', components: ['main'] },
    ]);
  });

  it('takes the mirror of the machine’s own release, not another vendor’s or the security one', () => {
    const sources = [
      { uri: 'http://vendor.example/apt', suite: 'tool-bookworm', components: ['main'] },
      { uri: 'http://a.example/debian-security', suite: 'bookworm-security', components: ['main'] },
      { uri: 'http://a.example/debian', suite: 'bookworm', components: ['main'] },
    ];
    assert.equal(debianMirror(sources, 'bookworm'), 'http://a.example/debian');
    assert.equal(debianMirror(sources.slice(0, 2), 'bookworm'), undefined);
  });
});
