import type { Token } from '../protocol/request.ts';
import { type HeadMap, type Paint, paintMap } from './paint.ts';
import type { Place } from './rove.ts';
import { axisText } from './token-text.ts';

/** CSS pixels. The plot is square-celled; labels take the left and the top. */
export interface Geometry {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly width: number;
  readonly height: number;
  /** Every n-th label is drawn, so that none overlap. */
  readonly every: number;
  readonly font: number;
}

const labelLength = 9;
const font = 11;

export function layOut(width: number, map: HeadMap, tokens: readonly Token[]): Geometry {
  const count = Math.max(map.queries, map.keys);
  const labels = Array.from({ length: count }, (_, at) => labelOf(tokens, at));
  const longest = labels.reduce((most, label) => Math.max(most, label.length), 1);
  const room = Math.ceil(longest * font * 0.61) + 10;
  const cell = (width - room - 2) / map.keys;
  return {
    left: room,
    top: room,
    cell,
    width,
    height: room + cell * map.queries + 2,
    every: Math.max(1, Math.ceil((font + 1) / cell)),
    font,
  };
}

/** Of a position that is no token, its number. */
function labelOf(tokens: readonly Token[], at: number): string {
  const token = tokens[at];
  return token === undefined ? String(at) : axisText(token.text, labelLength);
}

export function placeAt(geometry: Geometry, map: HeadMap, x: number, y: number): Place | undefined {
  const row = Math.floor((y - geometry.top) / geometry.cell);
  const column = Math.floor((x - geometry.left) / geometry.cell);
  if (row < 0 || column < 0 || row >= map.queries || column >= map.keys) return undefined;
  return { row, column };
}

export interface Drawing {
  readonly map: HeadMap;
  readonly tokens: readonly Token[];
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
  context.drawImage(source, left, top, cell * image.width, cell * image.height);
  context.strokeStyle = drawing.ink;
  context.globalAlpha = 0.25;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, cell * image.width + 1, cell * image.height + 1);
  context.globalAlpha = 1;
}

/** Labels near the chosen one give way to it. */
function drawLabels(context: CanvasRenderingContext2D, geometry: Geometry, drawing: Drawing): void {
  const { left, top, cell, every } = geometry;
  const family = 'ui-monospace, Menlo, Consolas, "Liberation Mono", monospace';
  const draw = (axis: 'query' | 'key', at: number): void => {
    const chosen = drawing[axis] === at;
    const text = labelOf(drawing.tokens, at);
    context.save();
    context.fillStyle = chosen ? drawing.accent : drawing.ink;
    context.globalAlpha = chosen ? 1 : 0.75;
    context.font = `${chosen ? 700 : 400} ${geometry.font}px ${family}`;
    context.textBaseline = 'middle';
    const middle = (at + 0.5) * cell;
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
    for (let at = 0; at < count; at += every) if (Math.abs(at - drawing[axis]) >= every) draw(axis, at);
    draw(axis, drawing[axis]);
  }
}

function drawCrosshair(context: CanvasRenderingContext2D, geometry: Geometry, drawing: Drawing): void {
  const { left, top, cell } = geometry;
  const x = left + drawing.key * cell;
  const y = top + drawing.query * cell;
  context.strokeStyle = drawing.accent;
  context.globalAlpha = 0.45;
  context.strokeRect(left, y, drawing.map.keys * cell, cell);
  context.strokeRect(x, top, cell, drawing.map.queries * cell);
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.strokeRect(x - 1, y - 1, cell + 2, cell + 2);
}
