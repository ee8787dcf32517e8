import { SondeError } from '../shared/errors.ts';

/** Items in order, in runs whose bytes stay under a limit together. */
export function inGroups<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  mostBytes: number,
): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let room = 0;
  for (const item of items) {
    const bytes = bytesOf(item);
    room -= bytes;
    if (room < 0 || groups.length === 0) {
      groups.push([]);
      room = mostBytes - bytes;
    }
    groups.at(-1)?.push(item);
  }
  return groups;
}

/** All items at once; where that fails, each half by itself, down to the single item that is to blame. */
export async function inHalves<T>(
  items: readonly T[],
  work: (items: readonly T[]) => Promise<void>,
  refuse: (item: T, error: SondeError) => void,
): Promise<void> {
  const [only, ...others] = items;
  if (only === undefined) return;
  try {
    await work(items);
  } catch (error) {
    if (!(error instanceof SondeError) || error.code === 'aborted') throw error;
    if (others.length === 0) return refuse(only, error);
    const half = Math.ceil(items.length / 2);
    await inHalves(items.slice(0, half), work, refuse);
    await inHalves(items.slice(half), work, refuse);
  }
}
