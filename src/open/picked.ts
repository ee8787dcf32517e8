import type { PickedFile } from '../protocol/inspector.ts';

/** Files as a person hands them over: of a file input, of a drop, or a folder that was opened for reading. */
export type PickedModel = FileList | readonly (File | PickedFile)[] | FileSystemDirectoryHandle;

/** With the path beside each file: a File loses its `webkitRelativePath` on the way to a worker. */
export async function pickedFiles(model: PickedModel): Promise<readonly PickedFile[]> {
  if ('kind' in model) return walk(model, model.name);
  return Array.from(model, (each) =>
    'path' in each ? each : { path: each.webkitRelativePath || each.name, file: each },
  );
}

async function walk(folder: FileSystemDirectoryHandle, path: string): Promise<PickedFile[]> {
  const files: PickedFile[] = [];
  for await (const [name, entry] of folder as unknown as AsyncIterable<[string, FileSystemHandle]>) {
    if (name.startsWith('.')) continue;
    const at = `${path}/${name}`;
    if (entry.kind === 'file')
      files.push({ path: at, file: await (entry as FileSystemFileHandle).getFile() });
    else files.push(...(await walk(entry as FileSystemDirectoryHandle, at)));
  }
  return files;
}
