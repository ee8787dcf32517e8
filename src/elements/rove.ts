/** A grid of `rows` x `columns` cells with one of them chosen. */
export interface Place {
  readonly row: number;
  readonly column: number;
}

/**
 * Where a key leads from a cell (ARIA grid pattern): arrows by one, Home/End within the row,
 * Control+Home/End to the corners, PageUp/PageDown by `page` rows. Undefined for any other key.
 */
export function rove(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey'>,
  from: Place,
  rows: number,
  columns: number,
  page = 10,
): Place | undefined {
  const { row, column } = from;
  const corner = event.ctrlKey || event.metaKey;
  const to = ((): Place | undefined => {
    switch (event.key) {
      case 'ArrowUp':
        return { row: row - 1, column };
      case 'ArrowDown':
        return { row: row + 1, column };
      case 'ArrowLeft':
        return { row, column: column - 1 };
      case 'ArrowRight':
        return { row, column: column + 1 };
      case 'PageUp':
        return { row: row - page, column };
      case 'PageDown':
        return { row: row + page, column };
      case 'Home':
        return { row: corner ? 0 : row, column: 0 };
      case 'End':
        return { row: corner ? rows - 1 : row, column: columns - 1 };
      default:
        return undefined;
    }
  })();
  if (to === undefined) return undefined;
  return {
    row: Math.min(rows - 1, Math.max(0, to.row)),
    column: Math.min(columns - 1, Math.max(0, to.column)),
  };
}
