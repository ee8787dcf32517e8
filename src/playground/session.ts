import {
  createSonde,
  type DeviceChoice,
  type LoadProgress,
  type Model,
  type ServiceIdentity,
  type Sonde,
} from '../index.ts';
import { type ModelChoice, shipped } from './choice.ts';
import type { PageModel } from './examples.ts';

/** What this page says about itself on every record. */
export const service: ServiceIdentity = { name: 'sonde-playground', environment: 'local' };

/** The page's one Sonde and the models it has loaded so far; another device means another Sonde, and so does another wish. */
export class Session {
  readonly sonde: Sonde;
  readonly device: DeviceChoice;
  readonly sendsTexts: boolean;
  readonly #models = new Map<string, Promise<Model>>();

  constructor(device: DeviceChoice, consent: 'pending' | 'granted', sendsTexts: boolean) {
    this.device = device;
    this.sendsTexts = sendsTexts;
    const texts = sendsTexts ? { text: { input: 'mask', output: 'mask' } as const } : {};
    this.sonde = createSonde({ device, service, telemetry: { endpoint: '/', consent, ...texts } });
  }

  /** Loads a model once; a failed or stopped load is forgotten, so that the next try starts anew. */
  model(
    { key, source }: ModelChoice,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Model> {
    const known = this.#models.get(key);
    if (known !== undefined) return known;
    const loading = this.#load(source, onProgress, signal);
    this.#models.set(key, loading);
    loading.catch(() => this.#models.delete(key));
    return loading;
  }

  /** A model that the page offers, loaded for what is not a run: nobody watches how far it is. */
  offered(model: PageModel, signal = new AbortController().signal): Promise<Model> {
    return this.model(shipped(model), () => undefined, signal);
  }

  async #load(
    source: ModelChoice['source'],
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
  ): Promise<Model> {
    // Sonde keeps the signal for reloading after a crash: one that a later Stop fires must not reach it.
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    try {
      const hub = new URLSearchParams(location.search).get('hub');
      return await this.sonde.load(source, {
        onProgress,
        signal: stop.signal,
        ...(hub === null ? {} : { hub }),
      });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  dispose(): Promise<void> {
    return this.sonde.dispose();
  }
}
