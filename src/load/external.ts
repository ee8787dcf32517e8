import { SondeError } from '../shared/errors.ts';

/**
 * Where a location of external data lies in the model's folder.
 * @param graph path of the graph file, e.g. `onnx/model.onnx`
 * @param location as the graph names it, e.g. `model.onnx_data` or `../shared/weights.bin`
 * @throws SondeError `model_invalid` for a location outside of the model's folder: a file from a stranger must not
 * name the files of its reader
 */
export function externalPath(graph: string, location: string): string {
  const parts = graph.split('/').slice(0, -1);
  // Windows takes backslashes and drive letters for paths as well.
  const isAbsolute = /^([/\\]|[a-z]+:)/i.test(location);
  for (const part of location.split(/[/\\]/)) {
    if (part === '' || part === '.') continue;
    const escapes = isAbsolute || part.includes('\0') || (part === '..' && parts.pop() === undefined);
    if (escapes)
      throw new SondeError(
        'model_invalid',
        `${graph} says that its weights lie outside of the model's folder (${printable(location)}).`,
        'Use a model from a source you trust: its external data lies beside the graph.',
      );
    if (part !== '..') parts.push(part);
  }
  return parts.join('/');
}

const printable = (text: string): string => JSON.stringify(text.slice(0, 100));
