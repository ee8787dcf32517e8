import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { SondeError } from '../shared/errors.ts';

const commands = ['chromium', 'google-chrome', 'google-chrome-stable'];
const applications = ['Google Chrome', 'Chromium'];

/**
 * Flags that give a headless Chromium `navigator.gpu` with an adapter where there is no GPU: SwiftShader
 * runs the same WebGPU implementation on the CPU. Chromium's sandbox needs privileges that root and
 * containers lack, and these browsers only ever open pages served from this machine.
 */
export const chromiumFlags: readonly string[] = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
];

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function playwrightExecutable(): Promise<string[]> {
  try {
    const { chromium } = await import('playwright');
    return [chromium.executablePath()];
  } catch {
    return [];
  }
}

/** A Chromium that is already on this machine: Playwright's own first, then the system's. */
export async function findChromium(): Promise<string | undefined> {
  const onPath = commands.flatMap((command) =>
    (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, command)),
  );
  const onMac = applications.map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
  return [...(await playwrightExecutable()), ...onPath, ...onMac].find(isExecutable);
}

/** Its output goes to stderr, so that stdout stays what the caller prints. */
function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  process.stderr.write(`sonde: no Chromium found, so running: ${command} ${args.join(' ')}\n`);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', process.stderr, process.stderr],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.on('error', () => resolve(false));
    child.on('exit', (code) => resolve(code === 0));
  });
}

async function installWithPlaywright(): Promise<boolean> {
  let cli: string;
  try {
    cli = join(dirname(createRequire(import.meta.url).resolve('playwright/package.json')), 'cli.js');
  } catch {
    return false;
  }
  return succeeds(process.execPath, [cli, 'install', '--with-deps', 'chromium']);
}

async function installWithApt(): Promise<boolean> {
  if (!existsSync('/etc/debian_version') || process.getuid?.() !== 0) return false;
  return (
    (await succeeds('apt-get', ['update'])) &&
    succeeds('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'])
  );
}

/**
 * The executable of a Chromium, installed first if this machine has none; each install is announced.
 * @throws SondeError `no_browser` when none is there and none could be installed
 */
export async function chromiumPath(): Promise<string> {
  const present = await findChromium();
  if (present !== undefined) return present;
  for (const install of [installWithPlaywright, installWithApt]) {
    await install();
    const installed = await findChromium();
    if (installed !== undefined) return installed;
  }
  throw new SondeError(
    'no_browser',
    'This needs a Chromium, none was found, and none could be installed.',
    'Install Chromium or Google Chrome with your package manager, or run: npx playwright install --with-deps chromium',
  );
}
