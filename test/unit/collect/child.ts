import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const script = fileURLToPath(new URL('./run.js', import.meta.url));

export interface Child {
  readonly process: ChildProcess;
  readonly address: string;
  /** What it wrote so far: lines for people, and JSON log lines. */
  readonly output: { stdout: string; stderr: string };
  /** Resolves with the exit status, or the signal that ended it. */
  stop(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/**
 * `sonde collect` in a process of its own; resolves when it says its address.
 * @param fileKiB no file it writes may grow over this: the disk is full for it, though for nobody else
 */
export async function startChild(args: readonly string[], fileKiB?: number): Promise<Child> {
  const limit = `${fileKiB === undefined ? '' : `ulimit -f ${fileKiB} && `}exec "$0" "$@"`;
  const command = ['-c', limit, process.execPath, script, '--port', '0', ...args];
  const child = spawn('bash', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', (data) => {
    output.stderr += String(data);
  });
  const address = await new Promise<string>((found, fail) => {
    child.stdout.on('data', (data) => {
      output.stdout += String(data);
      const [, url] = /(?:Playground|Collector): (http:\/\/[\d.:]+)/.exec(output.stdout) ?? [];
      if (url !== undefined) found(url);
    });
    child.once('exit', (code) => fail(new Error(`collector exited with ${code}: ${output.stderr}`)));
  });
  return {
    process: child,
    address,
    output,
    async stop(signal) {
      const exit = once(child, 'exit');
      child.kill(signal);
      const [code, by] = await exit;
      return code ?? by;
    },
  };
}
