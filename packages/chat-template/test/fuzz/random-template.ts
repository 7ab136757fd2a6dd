import type { SeededRandom } from "./seeded-random.js";

const names = ["messages", "tools", "m", "x", "ns", "loop", "missing", "range", "namespace", "dict", "caller", "self", "raise_exception"];
const attributes = ["role", "content", "items", "keys", "x", "first", "last", "previtem", "__class__", "upper", "append", "index", "name", "get"];
const filters = [
  "abs", "attr('x')", "batch(2)", "capitalize", "center(9)", "default('d')", "dictsort", "escape", "filesizeformat", "first", "float", "forceescape", "format(1)",
  "groupby('role')", "indent", "int", "items", "join(',')", "last", "length", "list", "lower", "map('upper')", "map(attribute='role')", "max", "min", "pprint",
  "random", "reject('none')", "rejectattr('x')", "replace('a', 'b')", "reverse", "round", "safe", "select", "selectattr('role', 'eq', 'user')", "slice(2)", "sort", "string",
  "striptags", "sum", "title", "tojson(indent=1)", "trim", "truncate(5)", "unique", "upper", "urlencode", "urlize", "wordcount", "wordwrap(4)", "xmlattr",
];
const tests = ["defined", "none", "string", "mapping", "iterable", "sequence", "number", "odd", "divisibleby(2)", "in [1, 2]", "sameas none", "callable", "lower", "eq(1)"];
const methods = ["strip()", "split('a')", "replace('a', 'bb')", "format(1, x=2)", "join(['a', 'b'])", "items()", "get('role')", "startswith('a')", "zfill(5)", "title()", "splitlines()"];
const literals = ["1", "0", "-1", "2.5", "1e300", "'a'", "'é🙂'", "''", "none", "true", "[]", "{}", "()", "(1,)", "'%s %5.2f'", "'{:>5}{}'", "12345678901234567890"];
const operators = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in"];

/** Templates that the grammar allows, mostly. */
export class RandomTemplate {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  body(depth: number): string {
    return Array.from({ length: 1 + this.#random.below(3) }, () => this.#statement(depth)).join(this.#random.pick(["", " ", "\n", "\n  "]));
  }

  #statement(depth: number): string {
    const inner = () => (depth <= 0 ? "t" : this.body(depth - 1));
    const name = () => this.#random.pick(names);
    const [open, close] = [this.#random.pick(["{%", "{%-", "{%+"]), this.#random.pick(["%}", "-%}", "+%}"])];
    const tag = (text: string) => `${open} ${text} ${close}`;
    const value = () => this.expression(2);
    switch (this.#random.below(16)) {
      case 0:
        return `${tag(`for ${this.#random.pick(["x", "x, m", "(x, m)"])} in ${value()}${this.#random.pick(["", " recursive", " if x"])}`)}${inner()}${this.#random.pick(["", "{% else %}e", "{% break %}", "{% continue %}"])}{% endfor %}`;
      case 1:
        return `${tag(`if ${value()}`)}${inner()}${this.#random.pick(["", `{% elif ${value()} %}${inner()}`, `{% else %}${inner()}`])}{% endif %}`;
      case 2:
        return tag(`set ${this.#random.pick(["x", "ns.x", "m, x", "loop", "(x)"])} = ${value()}`);
      case 3:
        return `${tag("set x")}${inner()}{% endset %}`;
      case 4:
        return `${tag(`macro ${name()}(x, m=${value()})`)}${inner()}{{ caller() if caller is defined }}{% endmacro %}`;
      case 5:
        return `${tag(`call ${name()}(${value()})`)}${inner()}{% endcall %}`;
      case 6:
        return `${tag(`filter ${this.#random.pick(filters)}`)}${inner()}{% endfilter %}`;
      case 7:
        return `${tag(`with x = ${value()}, m = ${value()}`)}${inner()}{% endwith %}`;
      case 8:
        return `${tag("generation")}${inner()}{% endgeneration %}`;
      case 9:
        return `${tag(`autoescape ${this.#random.pick(["true", "x"])}`)}${inner()}{% endautoescape %}`;
      case 10:
        return `${tag(`block b${this.#random.below(50)}${this.#random.pick(["", " scoped"])}`)}${inner()}{% endblock %}`;
      case 11:
        return this.#random.pick(["{# c #}", "{%- raw %}{{ x }}{% endraw -%}", "{# open", "{% raw %}", "text\n", "{{"]);
      default:
        return `${this.#random.pick(["{{", "{{-"])} ${this.expression(3)} ${this.#random.pick(["}}", "-}}"])}`;
    }
  }

  expression(depth: number): string {
    if (depth <= 0) return this.#random.pick([...literals, ...names]);
    const inner = () => this.expression(depth - 1);
    switch (this.#random.below(13)) {
      case 0:
        return `${inner()} ${this.#random.pick(operators)} ${inner()}`;
      case 1:
        return `(${inner()}) ** ${this.#random.below(5)}`;
      case 2:
        return `${inner()} | ${this.#random.pick(filters)}`;
      case 3:
        return `${inner()} is ${this.#random.pick(["", "not "])}${this.#random.pick(tests)}`;
      case 4:
        return `(${inner()}).${this.#random.pick(attributes)}`;
      case 5:
        return `(${inner()})[${this.#random.pick(["0", "-1", "1:", "::-1", "'role'", inner()])}]`;
      case 6:
        return `(${inner()}).${this.#random.pick(methods)}`;
      case 7:
        return `${this.#random.pick(names)}(${this.#random.pick(["", inner(), `x=${inner()}`, `*${inner()}`, `**${inner()}`])})`;
      case 8:
        return `[${inner()}, ${inner()}]`;
      case 9:
        return `{${inner()}: ${inner()}}`;
      case 10:
        return `(${inner()} if ${inner()} else ${inner()})`;
      case 11:
        return `${this.#random.pick(["not ", "-", "+"])}${inner()}`;
      default:
        return this.#random.pick([...literals, ...names]);
    }
  }
}
