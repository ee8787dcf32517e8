import {
  createSonde,
  type DeviceChoice,
  type LoadProgress,
  type Model,
  type ServiceIdentity,
  type Sonde,
} from '../index.ts';

/** What this page says about itself on every record. */
export const service: ServiceIdentity = { name: 'sonde-playground', environment: 'local' };

/** The page's one Sonde and the models it has loaded so far; another device means another Sonde. */
export class Session {
  readonly sonde: Sonde;
  readonly device: DeviceChoice;
  readonly #models = new Map<string, Promise<Model>>();

  constructor(device: DeviceChoice, consent: 'pending' | 'granted') {
    this.device = device;
    this.sonde = createSonde({ device, service, telemetry: { endpoint: '/', consent } });
  }

  /** Loads a model of public/models once; a failed or stopped load is forgotten, so that the next try starts anew. */
  model(id: string, onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<Model> {
    const known = this.#models.get(id);
    if (known !== undefined) return known;
    const loading = this.#load(id, onProgress, signal);
    this.#models.set(id, loading);
    loading.catch(() => this.#models.delete(id));
    return loading;
  }

  async #load(id: string, onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<Model> {
    // Sonde keeps the signal for reloading after a crash: one that a later Stop fires must not reach it.
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    try {
      // An absolute address: `models/name` would be read as a hub id.
      const folder = new URL(`models/${id}`, document.baseURI).href;
      return await this.sonde.load(folder, { onProgress, signal: stop.signal });
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  dispose(): Promise<void> {
    return this.sonde.dispose();
  }
}
