import type { PickedFile } from '../index.ts';
import type { OwnSource } from './choice.ts';

/** What lies in a drop, folders and all. Undefined where nothing in it is a file. */
export async function droppedModel(transfer: DataTransfer): Promise<OwnSource | undefined> {
  // The list of a drop is emptied once its event is over: entries are taken out of it first.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const bare = [...transfer.files];
  const files =
    entries.length > 0
      ? (await Promise.all(entries.map(walk))).flat()
      : bare.map((file) => ({ path: file.name, file }));
  return files.length === 0 ? undefined : named(files);
}

/** Files as a file input gives them. */
export const pickedModel = (files: FileList): OwnSource | undefined =>
  files.length === 0
    ? undefined
    : named(Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file })));

const named = (files: readonly PickedFile[]): OwnSource => ({
  name: files[0]?.path.split('/')[0] ?? 'files',
  source: files,
});

async function walk(entry: FileSystemEntry): Promise<readonly PickedFile[]> {
  if (entry.name.startsWith('.')) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside: FileSystemEntry[] = [];
  for (;;) {
    // A reader gives a hundred at most, then the next hundred.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    inside.push(...some);
  }
  return (await Promise.all(inside.map(walk))).flat();
}
