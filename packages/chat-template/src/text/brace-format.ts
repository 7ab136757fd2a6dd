import type { RenderState } from "../compiler/render-state.js";
import { TemplateRuntimeError } from "../errors/template-runtime-error.js";
import type { NamedArguments, Value } from "../values/value.js";
import { formatValue } from "./format-spec.js";
import { asciiOnly } from "./string-representation.js";

interface Field {
  readonly name: string;
  readonly conversion: string;
  readonly spec: string;
}

/** Python's `str.format`. Attributes go through the sandbox, as everywhere. */
export class BraceFormat {
  readonly #state: RenderState;
  readonly #positional: readonly Value[];
  readonly #named: NamedArguments;
  readonly #text: (value: Value, spec: string) => string;
  #automatic = 0;
  #manual = false;

  constructor(state: RenderState, positional: readonly Value[], named: NamedArguments, text = (value: Value, spec: string) => formatValue(state, value, spec)) {
    this.#state = state;
    this.#positional = positional;
    this.#named = named;
    this.#text = text;
  }

  /** @param nesting formats inside of a format's own specification are allowed once */
  format(template: string, nesting = 2): string {
    if (nesting === 0) throw valueError("Max string recursion exceeded");
    this.#state.meter.scanText(template.length);
    let result = "";
    let index = 0;
    while (index < template.length) {
      const open = nextBrace(template, index);
      result += template.slice(index, open);
      if (open === template.length) break;
      if (template[open] === template[open + 1]) {
        result += template[open];
        index = open + 2;
        continue;
      }
      if (template[open] === "}") throw valueError("Single '}' encountered in format string");
      const close = closingBrace(template, open);
      const piece = this.#field(parseField(template.slice(open + 1, close)), nesting);
      this.#state.meter.makeText(piece.length);
      result += piece;
      index = close + 1;
    }
    return result;
  }

  #field({ name, conversion, spec }: Field, nesting: number): string {
    const value = convert(this.#state, this.#lookUp(name), conversion);
    return this.#text(value, spec.includes("{") || spec.includes("}") ? this.format(spec, nesting - 1) : spec);
  }

  #lookUp(name: string): Value {
    const first = /^[^.[]*/.exec(name)![0];
    let value = this.#first(first, name === "");
    for (let rest = name.slice(first.length); rest !== ""; ) {
      const match = /^(?:\.([^.[]+)|\[([^\]]+)\])/.exec(rest);
      if (match === null) throw valueError("Empty attribute in format string");
      const [whole, attribute, index] = match;
      if (attribute !== undefined) value = this.#state.language.getAttribute(this.#state, value, attribute);
      else value = this.#state.language.getItem(this.#state, value, /^\d+$/.test(index!) ? Number(index) : index!);
      rest = rest.slice(whole.length);
    }
    return value;
  }

  #first(name: string, automatic: boolean): Value {
    if (automatic) {
      if (this.#manual) throw valueError("cannot switch from manual field specification to automatic field numbering");
      return this.#at(this.#automatic++);
    }
    if (/^\d+$/.test(name)) {
      if (this.#automatic > 0) throw valueError("cannot switch from automatic field numbering to manual field specification");
      this.#manual = true;
      return this.#at(Number(name));
    }
    const value = this.#named.get(name);
    if (value === undefined) throw new TemplateRuntimeError("KeyError", `'${name}'`);
    return value;
  }

  #at(index: number): Value {
    const value = this.#positional[index];
    if (value === undefined) throw new TemplateRuntimeError("IndexError", `Replacement index ${index} out of range for positional args tuple`);
    return value;
  }
}

function valueError(message: string): TemplateRuntimeError {
  return new TemplateRuntimeError("ValueError", message);
}

function nextBrace(template: string, from: number): number {
  for (let index = from; index < template.length; index++) if (template[index] === "{" || template[index] === "}") return index;
  return template.length;
}

function closingBrace(template: string, open: number): number {
  let depth = 0;
  for (let index = open; index < template.length; index++) {
    if (template[index] === "{") depth++;
    else if (template[index] === "}" && --depth === 0) return index;
  }
  throw valueError("expected '}' before end of string");
}

function parseField(field: string): Field {
  // A colon or an exclamation mark inside of [brackets] belongs to the key.
  const name = /^(?:\[[^\]]*\]|[^:![])*/.exec(field)![0];
  const rest = field.slice(name.length);
  const match = /^(?:!([^:]*))?(?::([^]*))?$/.exec(rest);
  if (match === null) throw valueError("expected ':' after conversion specifier");
  return { name, conversion: match[1] ?? "", spec: match[2] ?? "" };
}

function convert(state: RenderState, value: Value, conversion: string): Value {
  switch (conversion) {
    case "":
      return value;
    case "s":
      return state.printer.text(value);
    case "r":
      return state.printer.representation(value);
    case "a":
      return asciiOnly(state.printer.representation(value));
    default:
      throw valueError(`Unknown conversion specifier '${conversion}'`);
  }
}
