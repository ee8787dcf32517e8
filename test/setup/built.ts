import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = ['src', 'workers', 'public', 'index.html', 'package.json', 'vite.config.ts'];

function times(path: string): number[] {
  if (!existsSync(path)) return [];
  const stat = statSync(path);
  if (!stat.isDirectory()) return [stat.mtimeMs];
  return readdirSync(path).flatMap((name) => times(join(path, name)));
}

/** Vitest's global set-up: `dist` is what the browser and end-to-end tests open, so it must not be stale. */
export default function build(): void {
  const newest = Math.max(...sources.flatMap((source) => times(join(root, source))));
  const built = times(join(root, 'dist/playground/index.html'))[0] ?? 0;
  if (built > newest) return;
  // Vitest's NODE_ENV would build the development halves of what the page imports.
  const env = { ...process.env, NODE_ENV: 'production' };
  execFileSync('npm', ['run', 'build'], {
    cwd: root,
    env,
    stdio: ['ignore', process.stderr, process.stderr],
  });
}
