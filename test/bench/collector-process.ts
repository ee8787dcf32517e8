import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** `sonde collect` as it is installed, in a process of its own. */
export async function startCollector(
  data: string,
  keys: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ child: ChildProcess; address: string; admin: string }> {
  const argv = [
    'bin/sonde.js',
    'collect',
    '--port',
    '0',
    '--data',
    data,
    '--admin-port',
    '0',
    ...keys.flatMap((key) => ['--key', key]),
  ];
  // As docs/operator.md advises: what waits for the disk outlives a small nursery and is copied over and over.
  const flags = ['--max-semi-space-size=64'];
  const child = spawn(process.execPath, [...flags, ...argv], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  const [address = '', admin = ''] = await new Promise<string[]>((found, fail) => {
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const urls = said.match(/http:\/\/[\d.]+:\d+/g) ?? [];
      if (urls.length > 1) found(urls);
    });
    child.once('exit', (code) => fail(new Error(`the collector ended with ${code}`)));
  });
  return { child, address, admin };
}

export async function endCollector(
  { child }: { readonly child: ChildProcess },
  signal: NodeJS.Signals = 'SIGTERM',
) {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}
