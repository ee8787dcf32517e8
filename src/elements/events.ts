export interface HeadPlace {
  readonly layer: number;
  readonly head: number;
}

/** Events of the elements; all bubble and cross shadow roots, so one listener on a page links every view. */
export interface SondeEvents {
  /** A token of the sequence was chosen: its position, 0-based. */
  'sonde-position': CustomEvent<number>;
  'sonde-head': CustomEvent<HeadPlace>;
  /** A proof of the model is wanted, or the one that goes on no more. */
  'sonde-prove': CustomEvent<'start' | 'stop'>;
  /** A comparison of devices and dtypes is wanted, or the one that goes on no more. */
  'sonde-compare': CustomEvent<'start' | 'stop'>;
  /** The tensor behind a hook is to be shown in the raw graph. */
  'sonde-node': CustomEvent<{ readonly tensor: string; readonly hook: string }>;
  /** A node of the raw graph was chosen: its index. */
  'sonde-choose': CustomEvent<number>;
  /** The raw graph is wanted. */
  'sonde-graph': CustomEvent<undefined>;
  /** Requests over these texts are wanted, to fill a window. */
  'sonde-feed': CustomEvent<'shakespeare' | 'reviews'>;
  /** Labelled texts were chosen to calibrate on, the fit is wanted no more, or what it gave is to be forgotten. */
  'sonde-calibrate': CustomEvent<
    { readonly kind: 'fit'; readonly file: File } | { readonly kind: 'stop' } | { readonly kind: 'forget' }
  >;
  /** The request of the reading is to be saved. */
  'sonde-save': CustomEvent<undefined>;
  /** A saved request is to be made again. */
  'sonde-replay': CustomEvent<File>;
  /** The consent switch was used. */
  'sonde-consent': CustomEvent<'granted' | 'denied'>;
  'sonde-texts': CustomEvent<boolean>;
}

declare global {
  interface HTMLElementEventMap extends SondeEvents {}
}

export function emit<Name extends keyof SondeEvents>(
  from: HTMLElement,
  name: Name,
  detail: SondeEvents[Name]['detail'],
): void {
  from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}
