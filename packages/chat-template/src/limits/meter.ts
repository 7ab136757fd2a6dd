import { TemplateLimitError } from "../errors/template-limit-error.js";
import { RenderClock } from "./render-clock.js";
import { inputAllowance, type TemplateLimits } from "./template-limits.js";

/** Steps between two looks at the clock. */
const slice = 4096;
/** Strings shorter than this cost nothing on top of the step that makes them. */
const small = 1024;

/** Counts what one rendering uses, and ends it at its limits. */
export class Meter {
  /** Steps until the next look at the clock. Statements take their weight from it directly. */
  fuel = slice;
  readonly limits: TemplateLimits;
  readonly #clock: RenderClock;
  #steps = 0;
  #memory: number;
  #output: number;
  #depth = 0;
  #valueDepth = 0;

  constructor(limits: TemplateLimits) {
    this.limits = limits;
    this.#clock = new RenderClock(limits.milliseconds);
    this.#memory = limits.memory;
    this.#output = limits.outputLength;
  }

  /** Allows for input of this size: what is a lot for a short conversation is little for a long one. */
  admitInput(size: number): void {
    this.#memory += size * inputAllowance;
    this.#output += size * inputAllowance;
  }

  step(weight: number): void {
    this.fuel -= weight;
    if (this.fuel < 0) this.refuel();
  }

  /** Called when the fuel is used up: looks at the clock and at all steps so far. */
  refuel(): void {
    this.#steps += slice - this.fuel;
    this.fuel = slice;
    const { steps, milliseconds } = this.limits;
    if (this.#steps > steps) throw new TemplateLimitError("steps", `The template takes more than ${steps} steps.`);
    if (this.#clock.isOver()) throw new TemplateLimitError("milliseconds", `The template takes longer than ${milliseconds} ms.`);
  }

  /** Bytes that a value is about to take: called before it is made. */
  allocate(bytes: number): void {
    this.#memory -= bytes;
    if (!(this.#memory >= 0)) throw this.#outOfMemory();
    this.step(bytes >> 5);
  }

  /** A text that is about to be made. */
  makeText(length: number): void {
    if (length > small) this.allocate(2 * length);
  }

  /** A text that is read from end to end; a concatenated one is copied by that. */
  scanText(length: number): void {
    if (length > small) this.allocate(length);
  }

  /** Two texts that are joined: the engine keeps both, so that only the shorter one counts. */
  joinTexts(left: number, right: number): void {
    if (left + right > small) this.allocate(32 + 2 * Math.min(left, right));
  }

  makeList(length: number): void {
    this.allocate(32 + 8 * length);
  }

  checkOutput(length: number): void {
    if (length > this.#output) {
      throw new TemplateLimitError("outputLength", `The template writes more than ${this.#output} characters.`);
    }
  }

  /** Enters a macro, block or recursive loop. */
  enterCall(): void {
    if (++this.#depth > this.limits.recursion) {
      throw new TemplateLimitError("recursion", `The template calls itself more than ${this.limits.recursion} times over.`);
    }
  }

  leaveCall(): void {
    this.#depth--;
  }

  /** Enters a list, tuple or dict inside of another. */
  enterValue(): void {
    this.step(1);
    if (++this.#valueDepth > this.limits.valueDepth) {
      throw new TemplateLimitError("valueDepth", `A value is nested more than ${this.limits.valueDepth} times over.`);
    }
  }

  leaveValue(): void {
    this.#valueDepth--;
  }

  #outOfMemory(): TemplateLimitError {
    return new TemplateLimitError("memory", `The template makes more than ${this.limits.memory} bytes of text and lists.`);
  }
}
