import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Browser, chromium } from 'playwright';
import { chromiumFlags, chromiumPath } from './chromium.ts';

/** A Chromium whose process is the caller's to kill. */
export interface OwnChromium {
  readonly browser: Browser;
  readonly process: ChildProcess;
}

/** @param profile the folder of its user data, which outlives it */
export async function launchOwn(profile: string, flags: readonly string[] = []): Promise<OwnChromium> {
  const own = [
    '--headless=new',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
    '--disable-gpu',
    ...flags,
  ];
  const child = spawn(await chromiumPath(), [...chromiumFlags, ...own, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const address = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('Chromium ended before it listened.')));
    child.stderr.on('data', (text: Buffer) => {
      const found = /listening on (ws:\S+)/.exec(text.toString());
      if (found?.[1] !== undefined) resolve(found[1]);
    });
  });
  return { browser: await chromium.connectOverCDP(address), process: child };
}

/** SIGKILL to the browser and all its processes, as a power cut would have it. Twice is harmless. */
export async function kill({ process: child }: OwnChromium): Promise<void> {
  if (child.pid === undefined || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}
