import type { LitElement, ReactiveController } from 'lit';
import type { Scheme } from './depth.ts';

/** Tells an element that paints pixels whether its text is dark on light or light on dark, and when that changes. */
export class SchemeController implements ReactiveController {
  readonly #host: LitElement;
  readonly #query = globalThis.matchMedia?.('(prefers-color-scheme: dark)');
  #root: MutationObserver | undefined;

  constructor(host: LitElement) {
    this.#host = host;
    host.addController(this);
  }

  /**
   * The scheme the host's own text colour belongs to: a page may force one on a part of itself. Asking computes its
   * style, so it is asked in a frame, where that is due anyway.
   */
  get value(): Scheme {
    const [r = 0, g = 0, b = 0] = (getComputedStyle(this.#host).color.match(/[\d.]+/g) ?? []).map(Number);
    return 0.299 * r + 0.587 * g + 0.114 * b < 128 ? 'light' : 'dark';
  }

  readonly #changed = (): void => this.#host.requestUpdate();

  hostConnected(): void {
    this.#query?.addEventListener('change', this.#changed);
    this.#root = new MutationObserver(this.#changed);
    this.#root.observe(document.documentElement, { attributes: true });
  }

  hostDisconnected(): void {
    this.#query?.removeEventListener('change', this.#changed);
    this.#root?.disconnect();
  }
}
