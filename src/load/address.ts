/** The public hub. Another address (a mirror, a test's server) is an option everywhere. */
export const publicHub = 'https://huggingface.co';

const hubId = /^(?<name>\w[\w.-]*\/\w[\w.-]*)(?:@(?<revision>\w[\w./-]*))?$/;

/** Where a model folder is: a name for people, and the URL its paths are relative to. */
export interface FolderAddress {
  readonly id: string;
  readonly url: string;
}

/**
 * `org/name` or `org/name@revision` (branch, tag or commit) on a hub.
 * @returns undefined for anything else
 */
export function hubAddress(model: string, hub: string = publicHub): FolderAddress | undefined {
  const { name, revision = 'main' } = hubId.exec(model)?.groups ?? {};
  if (name === undefined) return undefined;
  const base = hub.endsWith('/') ? hub : `${hub}/`;
  return { id: model, url: new URL(`${name}/resolve/${encodeURIComponent(revision)}/`, base).href };
}

/** A hub id, or else the URL of a folder, resolved against `base`. */
export function folderUrl(model: string, base: string, hub?: string): FolderAddress {
  const onHub = hubAddress(model, hub);
  if (onHub !== undefined) return onHub;
  const url = new URL(model.endsWith('/') ? model : `${model}/`, base);
  return { id: url.pathname.split('/').filter(Boolean).at(-1) ?? url.hostname, url: url.href };
}
