import type { Dtype } from '../protocol/device.ts';
import type { JsonObject } from './config.ts';

/** `card.json` of an embedded model carries, for each dtype, the temperature fitted on its validation split. */
export function temperatureOf(card: JsonObject | undefined, dtype: Dtype): number | undefined {
  const metrics = objectAt(objectAt(card, 'metrics'), dtype);
  const temperature = objectAt(metrics, 'ece')?.temperature;
  return typeof temperature === 'number' && temperature > 0 ? temperature : undefined;
}

function objectAt(parent: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = parent?.[key];
  return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined;
}
