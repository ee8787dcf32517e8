import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { builtServer, freePort, howToBuild } from './built.ts';

const version = 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c';

const credentials = { user: 'test', password: 'testtest' };

export interface Minio {
  readonly endpoint: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** MinIO over a folder, ready to answer. @throws Error where its binary was never built */
export async function startMinio(folder: string): Promise<Minio> {
  const binary = builtServer({
    name: 'minio',
    source: version,
    build: (at, go) => {
      go(['go', 'install', '-ldflags=-s -w', version]);
      return join(at, 'bin', 'minio');
    },
  });
  if (binary === undefined) throw new Error(`There is no MinIO here. ${howToBuild}.`);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(binary, ['server', '--address', address, folder], {
    stdio: 'ignore',
    env: {
      ...process.env,
      MINIO_ROOT_USER: credentials.user,
      MINIO_ROOT_PASSWORD: credentials.password,
      MINIO_UPDATE: 'off',
      MINIO_BROWSER: 'off',
    },
  });
  const endpoint = `http://${address}`;
  for (let isReady = false; !isReady; ) {
    if (child.exitCode !== null) throw new Error(`MinIO ended with ${child.exitCode}.`);
    isReady = await fetch(`${endpoint}/minio/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (!isReady) await new Promise((later) => setTimeout(later, 100));
  }
  process.env.AWS_ACCESS_KEY_ID = credentials.user;
  process.env.AWS_SECRET_ACCESS_KEY = credentials.password;
  process.env.AWS_REGION = 'us-east-1';
  return {
    endpoint,
    process: child,
    async stop() {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    },
  };
}
