import type { ElasticAttentionError } from "./elastic-attention-error.js";

/** A class of errors of this project, whatever its constructor takes. */
export type ErrorClass = abstract new (...parameters: never[]) => ElasticAttentionError;

const classes = new Map<string, ErrorClass>();
const markers = new WeakMap<ErrorClass, symbol>();

/** Marks the errors of a class by a symbol that every copy of this package knows. */
export function registerErrorClass(errorClass: ErrorClass, name: string): void {
  const marker = Symbol.for(`@elastic-attention/error/${name}`);
  Object.defineProperty(errorClass.prototype, marker, { value: true });
  markers.set(errorClass, marker);
  classes.set(name, errorClass);
}

/** The symbol that errors of a class and its subclasses carry; undefined for a class that registered no name. */
export function markerOf(errorClass: ErrorClass): symbol | undefined {
  return markers.get(errorClass);
}

/** The class that registered under a name last. */
export function errorClassNamed(name: string): ErrorClass | undefined {
  return classes.get(name);
}
