import type { LitElement } from 'lit';

/** Calls back when the element gets a size, and whenever that changes while it is on a page. */
export function onResize(host: LitElement, resized: () => void): void {
  const observer = new ResizeObserver(resized);
  host.addController({
    hostConnected: () => observer.observe(host),
    hostDisconnected: () => observer.disconnect(),
  });
}
