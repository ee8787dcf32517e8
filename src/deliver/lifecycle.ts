export interface Lifecycle {
  /** The page may be gone any moment now; may come twice. */
  readonly leave: () => void;
  /** Visible, restored from the back/forward cache, or activated after prerendering. */
  readonly resume: () => void;
  readonly online: () => void;
}

export const isPrerendering = (): boolean => (document as { prerendering?: boolean }).prerendering === true;

/**
 * On a same-tab navigation `pagehide` comes first, on a tab switch only `visibilitychange`, and on mobile
 * often nothing after it: so both. `pagehide` never fires on `document`.
 */
export function watchLifecycle({ leave, resume, online }: Lifecycle, signal: AbortSignal): void {
  const turn = (): void => (document.visibilityState === 'hidden' ? leave() : resume());
  document.addEventListener('visibilitychange', turn, { signal });
  document.addEventListener('prerenderingchange', turn, { signal });
  window.addEventListener('pagehide', leave, { signal });
  window.addEventListener('pageshow', resume, { signal });
  window.addEventListener('online', online, { signal });
}
