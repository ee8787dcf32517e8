import type { Reading } from './reading.ts';
import { store } from './recorded.ts';

/** Hands a reading to the visitor as a file. It holds the text, and goes nowhere else. */
export function saveReading(reading: Reading): void {
  saveJson(store(reading, new Date().toISOString()), reading.model.id);
}

/** Hands the visitor a file. */
export function saveJson(content: object, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: 'application/json' }));
  link.download = `${name}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}
