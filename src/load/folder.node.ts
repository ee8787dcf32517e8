import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SondeError } from '../shared/errors.ts';
import { type Bytes, bytes } from '../shared/units.ts';
import { type ModelSource, type ReadOptions, refuseLonger } from './source.ts';

/** Node reads at most 2 GiB at once; external data is often longer. */
const piece = 2 ** 30;

async function fill(handle: FileHandle, body: Uint8Array): Promise<void> {
  for (let at = 0; at < body.byteLength; ) {
    const { bytesRead } = await handle.read(body, at, Math.min(piece, body.byteLength - at), at);
    if (bytesRead === 0) throw new RangeError('The file became shorter while it was read.');
    at += bytesRead;
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** @returns undefined where there is no such file */
export async function readFileAt(
  file: string,
  path: string,
  { onProgress, limit }: ReadOptions,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw unreadable(path, error);
  }
  try {
    const { size } = await handle.stat();
    refuseLonger(path, size, limit);
    const body = new Uint8Array(size);
    await fill(handle, body);
    onProgress?.({ path, loaded: bytes(size), total: bytes(size), cached: false });
    return body;
  } catch (error) {
    throw error instanceof SondeError ? error : unreadable(path, error);
  } finally {
    await handle.close();
  }
}

const unreadable = (path: string, cause: unknown): SondeError =>
  new SondeError(
    'model_invalid',
    `${path} cannot be read (${cause instanceof Error ? cause.message : cause}).`,
    'Check that it is a file, that you may read it, and that it fits in memory.',
    { cause },
  );

export async function sizeAt(file: string): Promise<Bytes | undefined> {
  try {
    const found = await stat(file);
    return found.isFile() ? bytes(found.size) : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** A folder on this machine's disk (command line and tests). Symbolic links in it are followed: hub caches are made of them. */
export function folderSource(folder: string): ModelSource {
  return {
    id: basename(resolve(folder)),
    size: (path) => sizeAt(join(folder, path)),
    read: (path, options = {}) => readFileAt(join(folder, path), path, options),
    async list() {
      const entries = await readdir(folder, { recursive: true });
      return entries.filter((entry) => entry.endsWith('.onnx')).sort();
    },
  };
}

/** One ONNX file of this machine. The `onnx` folder of a model belongs to the model, anywhere else its own folder is all. */
export async function fileSource(file: string): Promise<ModelSource> {
  const folder = dirname(resolve(file));
  const parent = dirname(folder);
  const isPart = basename(folder) === 'onnx' && (await sizeAt(join(parent, 'config.json'))) !== undefined;
  return {
    ...folderSource(isPart ? parent : folder),
    id: isPart ? basename(parent) : basename(file).replace(/\.onnx$/, ''),
    graph: isPart ? `onnx/${basename(file)}` : basename(file),
  };
}
