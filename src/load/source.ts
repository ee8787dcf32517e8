import { SondeError } from '../shared/errors.ts';
import type { Bytes } from '../shared/units.ts';

/** Bytes of one file so far; `total` is absent while the server has not said how long it is. */
export interface FileProgress {
  readonly path: string;
  readonly loaded: Bytes;
  readonly total?: Bytes;
  readonly cached: boolean;
}

export interface ReadOptions {
  readonly onProgress?: (progress: FileProgress) => void;
  readonly signal?: AbortSignal;
  /** A longer file is refused with `model_invalid`, where its length is known before a byte of it is read. */
  readonly limit?: Bytes;
}

/** A folder in the Hugging Face layout, wherever it lies: behind a URL, in picked files, on a disk. */
export interface ModelSource {
  /** A name for people and records: the hub id, or the last segment of a path. Never a full path or URL. */
  readonly id: string;
  /** Path of the one ONNX file that was named, where that was a file and no folder. */
  readonly graph?: string;
  /** Length of a file that is not read, or undefined where the folder has no such file. */
  size(path: string): Promise<Bytes | undefined>;
  /** @returns the file's bytes, or undefined where the folder has no such file. */
  read(path: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Paths of the ONNX files, where a folder can be listed. */
  list?(): Promise<readonly string[]>;
}

/** @throws SondeError `model_invalid` */
export function refuseLonger(path: string, size: number, limit: Bytes | undefined): void {
  if (limit === undefined || size <= limit) return;
  throw new SondeError(
    'model_invalid',
    `${path} has ${(size / 1e9).toFixed(1)} GB, and a protobuf message cannot be larger than 2 GB.`,
    'Use an export whose weights are external data (model.onnx beside model.onnx_data).',
  );
}
