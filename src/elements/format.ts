/** Numbers as the page shows them: fixed decimals, so columns align, and never more digits than were computed. */
export const probabilityText = (value: number): string =>
  value > 0 && value < 0.0001 ? '<0.0001' : value.toFixed(4);

export const natsText = (value: number): string => `${value.toFixed(3)} nats`;

export function durationText(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

const grouped = new Intl.NumberFormat('en');
export const countText = (value: number): string => grouped.format(value);

export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(2)} MB`;
}

export const instantText = (epochMilliseconds: number): string => new Date(epochMilliseconds).toISOString();

/** Time of day of the visitor's clock, to the second; empty where there is none. */
export const clockText = (epochMilliseconds: number | undefined): string =>
  epochMilliseconds === undefined ? '' : new Date(epochMilliseconds).toTimeString().slice(0, 8);

export const deviceName = { webgpu: 'WebGPU', wasm: 'WASM' } as const;

/** 0.884 as `88.4 %`. */
export const percentText = (share: number): string => `${(100 * share).toFixed(1)} %`;
