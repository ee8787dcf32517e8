import type { ModelInput } from './input.ts';
import type { LabelledText } from './model.ts';
import type { CaptureInfo, GenerationEnd, Message, Recovery } from './request.ts';

/** A running call that the page may stop by this number. */
export type CallId = number;

/** Asks a model for something, under a number by which it can be stopped. */
export interface ModelRequest {
  readonly call: CallId;
  readonly model: number;
  /** What it met in workers before this one. */
  readonly recovered: readonly Recovery[];
}

export interface TextRequest extends ModelRequest {
  readonly text: string;
}

/** A text, or a conversation for the model's chat template. */
export interface GenerateRequest extends ModelRequest {
  readonly prompt: string | readonly Message[];
}

export interface CalibrateRequest extends ModelRequest {
  readonly labelled: readonly LabelledText[];
  readonly coverage: number;
}

export interface CaptureRequest extends ModelRequest {
  readonly input: ModelInput;
}

export interface Captured {
  readonly capture: number;
  readonly info: CaptureInfo;
}

export interface Generated {
  readonly end: GenerationEnd;
  /** Present where a capture was asked for. */
  readonly capture?: number;
}
