import type { Dtype } from '../protocol/device.ts';
import type { FileDigest } from '../protocol/model.ts';
import { digestOf, type Sha256Hex, sha256 } from '../shared/digest.ts';
import { SondeError } from '../shared/errors.ts';
import { type Bytes, bytes } from '../shared/units.ts';
import { type JsonObject, type ModelConfig, parseConfig, parseObject } from './config.ts';
import { externalPath } from './external.ts';
import type { GraphFile } from './graph-file.ts';
import type { FileProgress, ModelSource, ReadOptions } from './source.ts';

/** Progress over all files of one load. */
export interface BytesLoaded {
  readonly file: string;
  readonly loaded: Bytes;
  readonly total?: Bytes;
  readonly cached: boolean;
}

/** The files that do not depend on the dtype. */
export interface ModelFolder {
  readonly source: ModelSource;
  readonly config: ModelConfig;
  /** `config.json` as it is. */
  readonly json: JsonObject;
  /** Absent for models of images and sound. */
  readonly tokenizer?: {
    readonly model: JsonObject;
    readonly config: JsonObject;
    readonly digest: Sha256Hex;
  };
  readonly card?: JsonObject;
  readonly files: readonly FileDigest[];
}

/** One ONNX file with its external data, by path beside the graph. */
export interface ModelWeights {
  readonly dtype: Dtype;
  /** Name of the graph file, e.g. `model.onnx`. */
  readonly file: string;
  readonly graph: Uint8Array<ArrayBuffer>;
  /** By location as the graph names it; a file that is missing is missing here. */
  readonly external: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly files: readonly FileDigest[];
}

/**
 * Config, tokenizer and card of a folder.
 * @throws SondeError `model_not_found` when there is no config.json, `model_invalid` when a file is not JSON
 */
export async function loadFolder(source: ModelSource, options: ReadOptions): Promise<ModelFolder> {
  const [config, tokenizer, tokenizerConfig, generation, card] = await Promise.all(
    ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'card.json'].map(
      async (path) => ({ path, body: await source.read(path, options) }),
    ),
  );
  // A file that was named itself may lie alone.
  if (config?.body === undefined && source.graph === undefined) {
    throw new SondeError(
      'model_not_found',
      `There is no model at ${source.id}: its folder has no config.json.`,
      'A folder in the Hugging Face layout is wanted (config.json, tokenizer.json, onnx/model.onnx). A single .onnx file can be named itself.',
    );
  }
  const present = [config, tokenizer, tokenizerConfig, generation, card].flatMap((file) =>
    file?.body === undefined ? [] : [{ path: file.path, body: file.body }],
  );
  const objectOf = (file: typeof config | undefined): JsonObject =>
    file?.body === undefined ? {} : parseObject(file.body, file.path);
  const files = await Promise.all(present.map(({ path, body }) => fileDigest(path, body)));
  const json = objectOf(config);
  return {
    source,
    json,
    config: parseConfig(json, objectOf(generation)),
    ...(tokenizer?.body === undefined
      ? {}
      : {
          tokenizer: {
            model: objectOf(tokenizer),
            config: objectOf(tokenizerConfig),
            digest: await sha256(tokenizer.body),
          },
        }),
    ...(card?.body === undefined ? {} : { card: objectOf(card) }),
    files,
  };
}

/**
 * A graph with the files in which its weights lie.
 * @param locations as the graph names them: relative to its own folder
 * @throws SondeError `model_invalid` for a location outside of the model's folder
 */
export async function loadExternal(
  source: ModelSource,
  { dtype, path }: GraphFile,
  graph: Uint8Array<ArrayBuffer>,
  locations: readonly string[],
  options: ReadOptions,
): Promise<ModelWeights> {
  const found = await Promise.all(
    locations.map(async (location) => {
      const at = externalPath(path, location);
      return { location, at, body: await source.read(at, options) };
    }),
  );
  const present = found.flatMap(({ location, at, body }) =>
    body === undefined ? [] : [{ location, at, body }],
  );
  const files = await Promise.all([
    fileDigest(path, graph),
    ...present.map(({ at, body }) => fileDigest(at, body)),
  ]);
  const external = new Map(present.map(({ location, body }) => [location, body]));
  return { dtype, file: path.split('/').at(-1) ?? path, graph, external, files };
}

/** One digest for the whole model: over the sorted list of path and SHA-256 of every file that shapes its answers. */
export function modelDigest(files: readonly FileDigest[]): Promise<Sha256Hex> {
  return digestOf(
    files.map(({ path, sha256: digest }) => [path, digest]).sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
}

/** Sums the progress of files fetched side by side into bytes of bytes. */
export function sumProgress(report: (progress: BytesLoaded) => void): (progress: FileProgress) => void {
  const files = new Map<string, FileProgress>();
  return (progress) => {
    files.set(progress.path, progress);
    let loaded = 0;
    let total: number | undefined = 0;
    for (const file of files.values()) {
      loaded += file.loaded;
      total = total === undefined || file.total === undefined ? undefined : total + file.total;
    }
    report({
      file: progress.path,
      loaded: bytes(loaded),
      ...(total === undefined ? {} : { total: bytes(total) }),
      cached: progress.cached,
    });
  };
}

const fileDigest = async (path: string, body: Uint8Array<ArrayBuffer>): Promise<FileDigest> => ({
  path,
  bytes: bytes(body.byteLength),
  sha256: await sha256(body),
});
