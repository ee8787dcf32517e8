import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A server written in Go, which no package manager of the machine has. */
export interface Recipe {
  readonly name: string;
  /** All that the binary depends on: another text is another binary. */
  readonly source: string;
  /** Makes the binary in a folder. @returns its path */
  readonly build: (folder: string, go: (args: readonly string[]) => void) => string;
}

/** A build takes minutes, so it is done where it is asked for. */
export const isBuildAsked = process.env.SONDE_BUILD_SERVERS === '1';
export const howToBuild =
  'SONDE_BUILD_SERVERS=1 builds it with Go 1.25 or newer, once: it is kept in ~/.cache/sonde/servers';

/** The server's binary, kept outside the clone; absent where it was never built and no build is asked for. */
export function builtServer({ name, source, build }: Recipe): string | undefined {
  const cache = join(homedir(), '.cache', 'sonde', 'servers');
  const binary = join(cache, `${name}-${createHash('sha256').update(source).digest('hex').slice(0, 16)}`);
  if (existsSync(binary)) return binary;
  if (!isBuildAsked) return undefined;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'build-'));
  const PATH = [process.env.PATH, '/usr/local/go/bin', join(folder, 'bin')].join(delimiter);
  const env = { ...process.env, PATH, GOBIN: join(folder, 'bin'), CGO_ENABLED: '0' };
  try {
    const made = build(folder, ([command = '', ...args]) =>
      execFileSync(command, args, { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit'] }),
    );
    renameSync(made, binary);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return binary;
}

/** A port that nobody listened on a moment ago, for servers that cannot take one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
