import { SondeError } from '../shared/errors.ts';

/** Page and worker compare this in their handshake: a cached old worker is a named error. */
export const sondeVersion = '0.1.0';

/** @throws SondeError `version_mismatch` in a worker whose page is another build */
export function requireSameBuild(page: string): void {
  if (page === sondeVersion) return;
  throw new SondeError(
    'version_mismatch',
    `The page is Sonde ${page}, its worker ${sondeVersion}: one of them is an old copy from a cache.`,
    'Reload the page; deploy page and worker together.',
  );
}
