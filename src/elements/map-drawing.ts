import type { Token } from '../protocol/request.ts';
import { type HeadMap, type Paint, paintMap } from './paint.ts';
import type { Place } from './rove.ts';
import { axisText } from './token-text.ts';

export type Axis = 'query' | 'key';
/** Tokens of each axis; a position without one is called by its number. */
export type Labels = Readonly<Record<Axis, readonly Token[]>>;

/** CSS pixels; labels take the left and the top. */
export interface Geometry {
  readonly left: number;
  readonly top: number;
  /** How far one position is from the next: cells are square where the map is. */
  readonly cell: Readonly<Record<Axis, number>>;
  readonly width: number;
  readonly height: number;
  readonly font: number;
}

const labelLength = 9;
const font = 11;
/** Of rows that are not as many as columns: readable, however many columns there are. */
const rowHeight = { least: font + 1, most: 24 } as const;

export function layOut(width: number, map: HeadMap, labels: Labels): Geometry {
  const left = roomOf(labels.query, map.queries);
  const top = roomOf(labels.key, map.keys);
  const key = (width - left - 2) / map.keys;
  const isSquare = map.queries === map.keys;
  const query = isSquare ? key : Math.min(rowHeight.most, Math.max(rowHeight.least, key));
  return { left, top, cell: { query, key }, width, height: top + query * map.queries + 2, font };
}

function roomOf(tokens: readonly Token[], count: number): number {
  let longest = 1;
  for (let at = 0; at < count; at++) longest = Math.max(longest, labelOf(tokens, at).length);
  return Math.ceil(longest * font * 0.61) + 10;
}

/** Of a position that is no token, its number. */
function labelOf(tokens: readonly Token[], at: number): string {
  const token = tokens[at];
  return token === undefined ? String(at) : axisText(token.text, labelLength);
}

export function placeAt(geometry: Geometry, map: HeadMap, x: number, y: number): Place | undefined {
  const row = Math.floor((y - geometry.top) / geometry.cell.query);
  const column = Math.floor((x - geometry.left) / geometry.cell.key);
  if (row < 0 || column < 0 || row >= map.queries || column >= map.keys) return undefined;
  return { row, column };
}

export interface Drawing {
  readonly map: HeadMap;
  readonly labels: Labels;
  readonly query: number;
  readonly key: number;
  readonly paint: Paint;
  readonly ink: string;
  readonly accent: string;
}

export function drawMap(canvas: HTMLCanvasElement, geometry: Geometry, drawing: Drawing): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const ratio = globalThis.devicePixelRatio;
  canvas.width = Math.round(geometry.width * ratio);
  canvas.height = Math.round(geometry.height * ratio);
  context.scale(ratio, ratio);
  drawCells(context, geometry, drawing);
  drawLabels(context, geometry, drawing);
  drawCrosshair(context, geometry, drawing);
}

function drawCells(context: CanvasRenderingContext2D, { left, top, cell }: Geometry, drawing: Drawing): void {
  const image = paintMap(drawing.map, drawing.paint);
  const source = new OffscreenCanvas(image.width, image.height);
  source.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  const [width, height] = [cell.key * image.width, cell.query * image.height];
  context.drawImage(source, left, top, width, height);
  context.strokeStyle = drawing.ink;
  context.globalAlpha = 0.25;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, width + 1, height + 1);
  context.globalAlpha = 1;
}

/** Labels near the chosen one give way to it. */
function drawLabels(context: CanvasRenderingContext2D, geometry: Geometry, drawing: Drawing): void {
  const { left, top } = geometry;
  const family = 'ui-monospace, Menlo, Consolas, "Liberation Mono", monospace';
  const draw = (axis: Axis, at: number): void => {
    const chosen = drawing[axis] === at;
    const text = labelOf(drawing.labels[axis], at);
    context.save();
    context.fillStyle = chosen ? drawing.accent : drawing.ink;
    context.globalAlpha = chosen ? 1 : 0.75;
    context.font = `${chosen ? 700 : 400} ${geometry.font}px ${family}`;
    context.textBaseline = 'middle';
    const middle = (at + 0.5) * geometry.cell[axis];
    if (axis === 'query') {
      context.textAlign = 'end';
      context.fillText(text, left - 6, top + middle);
    } else {
      context.translate(left + middle, top - 6);
      context.rotate(-Math.PI / 2);
      context.textAlign = 'start';
      context.fillText(text, 0, 0);
    }
    context.restore();
  };
  for (const [axis, count] of [
    ['query', drawing.map.queries],
    ['key', drawing.map.keys],
  ] as const) {
    // So that none overlap.
    const every = Math.max(1, Math.ceil((font + 1) / geometry.cell[axis]));
    for (let at = 0; at < count; at += every) if (Math.abs(at - drawing[axis]) >= every) draw(axis, at);
    draw(axis, drawing[axis]);
  }
}

function drawCrosshair(context: CanvasRenderingContext2D, geometry: Geometry, drawing: Drawing): void {
  const { left, top, cell } = geometry;
  const x = left + drawing.key * cell.key;
  const y = top + drawing.query * cell.query;
  context.strokeStyle = drawing.accent;
  context.globalAlpha = 0.45;
  context.strokeRect(left, y, drawing.map.keys * cell.key, cell.query);
  context.strokeRect(x, top, cell.key, drawing.map.queries * cell.query);
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.strokeRect(x - 1, y - 1, cell.key + 2, cell.query + 2);
}
