import type { Value } from "../values/value.js";
import type { RenderState } from "./render-state.js";

/** One activation of a function of the template: its variables, undefined while they have no value. */
export class Frame {
  readonly slots: (Value | undefined)[];
  readonly parent: Frame | undefined;
  readonly state: RenderState;

  constructor(state: RenderState, slotCount: number, parent?: Frame) {
    this.state = state;
    this.parent = parent;
    this.slots = Array.from({ length: slotCount });
  }
}

export type Evaluate = (frame: Frame) => Value;

/** How a statement ends: by itself, or by leaving or continuing the loop around it. */
export type Completion = 0 | 1 | 2;
export const normal = 0;
export const breaks = 1;
export const continues = 2;

export type Execute = (frame: Frame) => Completion;
