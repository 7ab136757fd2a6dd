import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import { elements } from "../operations/iteration.js";
import type { Target } from "../parser/expressions.js";
import type { FunctionLayout, Reference } from "../scope/function-layout.js";
import type { Scope } from "../scope/scope.js";
import { Namespace } from "../values/namespace.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";
import type { Frame } from "./frame.js";

/** Functions of the template between the one that reads a variable and the one that has it. */
function distance(from: FunctionLayout, to: FunctionLayout): number {
  let count = 0;
  for (let layout: FunctionLayout | undefined = from; layout !== to; layout = layout!.parent) count++;
  return count;
}

/** Reads a slot; undefined while it has no value. */
export function readSlot({ layout, slot }: Reference, from: FunctionLayout): (frame: Frame) => Value | undefined {
  const depth = distance(from, layout);
  if (depth === 0) return (frame) => frame.slots[slot];
  if (depth === 1) return (frame) => frame.parent!.slots[slot];
  return (frame) => {
    let owner = frame;
    for (let step = 0; step < depth; step++) owner = owner.parent!;
    return owner.slots[slot];
  };
}

/** Reads a variable by its name. */
export function readVariable(scope: Scope, name: string): (frame: Frame) => Value {
  const reference = scope.find(name)!;
  if (reference.layout === scope.layout) {
    const { slot } = reference;
    return (frame) => {
      const value = frame.slots[slot];
      return value === undefined ? Undefined.variable(name) : value;
    };
  }
  const read = readSlot(reference, scope.layout);
  return (frame) => {
    const value = read(frame);
    return value === undefined ? Undefined.variable(name) : value;
  };
}

/** Gives a scope's variables what they begin with. Undefined where there is nothing to do. */
export function enterScope(scope: Scope): ((frame: Frame) => void) | undefined {
  const starts: ((frame: Frame) => void)[] = [];
  for (const [{ slot }, load] of scope.loads) {
    if (load.kind === "resolve") starts.push((frame) => (frame.slots[slot] = frame.state.resolve(load.name)));
    else if (load.kind === "undefined") starts.push((frame) => (frame.slots[slot] = undefined));
    else if (load.kind === "alias") {
      const read = readSlot(load.from, scope.layout);
      starts.push((frame) => (frame.slots[slot] = read(frame)));
    }
  }
  if (starts.length === 0) return undefined;
  if (starts.length === 1) return starts[0];
  return (frame) => {
    for (const start of starts) start(frame);
  };
}

/** Takes the variables of a scope away, which a closure could still see. */
export function leaveScope(scope: Scope): (frame: Frame) => void {
  const slots = [...scope.loads.keys()].map(({ slot }) => slot);
  return (frame) => {
    for (const slot of slots) frame.slots[slot] = undefined;
  };
}

export type Assign = (frame: Frame, value: Value) => void;

export function assignTo(scope: Scope, target: Target): Assign {
  if (target.kind === "tuple") return unpack(target.items.map((item) => assignTo(scope, item)));
  if (target.kind === "namespace") return assignAttribute(scope, target.name, target.attribute);
  const { slot } = scope.find(target.name)!;
  return (frame, value) => {
    frame.slots[slot] = value;
  };
}

function unpack(targets: readonly Assign[]): Assign {
  return (frame, value) => {
    const items = elements(frame.state, value);
    if (items.length !== targets.length) {
      const problem = items.length < targets.length ? "not enough" : "too many";
      throw new TemplateRuntimeError("ValueError", `${problem} values to unpack (expected ${targets.length}, got ${items.length})`);
    }
    for (const [index, assign] of targets.entries()) assign(frame, items[index]!);
  };
}

function assignAttribute(scope: Scope, name: string, attribute: string): Assign {
  const read = readSlot(scope.find(name)!, scope.layout);
  return (frame, value) => {
    const namespace = read(frame);
    if (!(namespace instanceof Namespace)) throw new TemplateRuntimeError("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
    namespace.assign(attribute, value);
  };
}
