import { createSonde } from '../../src/index.ts';

/** Set by whoever drives the page: hears of each request when it has ended. */
declare const ended: (request: string, at: number) => Promise<void>;

/** Requests of the sentiment model at an even pace, their records sent to a collector. */
export async function makeRequests(endpoint: string, count: number): Promise<void> {
  const sonde = createSonde({ device: 'wasm', telemetry: { endpoint, consent: 'granted' } });
  const model = await sonde.load('/models/sentiment');
  for (let made = 0; made < count; made++) {
    const { provenance } = await model.classify(`a gorgeous, witty and tender film, number ${made}`);
    await ended(provenance.requestId, Date.now());
    await new Promise((resolve) => setTimeout(resolve, 150 + (made % 7) * 60));
  }
}
