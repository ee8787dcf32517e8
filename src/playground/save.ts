import type { Reading } from './reading.ts';
import { store } from './recorded.ts';

/** Hands a reading to the visitor as a file. It holds the text, and goes nowhere else. */
export function saveReading(reading: Reading): void {
  const stored = store(reading, new Date().toISOString());
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(stored)], { type: 'application/json' }));
  link.download = `${reading.model.id}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
