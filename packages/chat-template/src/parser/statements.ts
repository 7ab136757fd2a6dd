import type { Call, Expression, Filter, Target } from "./expressions.js";

interface Node {
  readonly offset: number;
}

export interface Text extends Node {
  readonly kind: "text";
  readonly text: string;
}

export interface Output extends Node {
  readonly kind: "output";
  readonly expressions: readonly Expression[];
}

export interface If extends Node {
  readonly kind: "if";
  /** The first branch whose test holds is taken. */
  readonly branches: readonly { readonly test: Expression; readonly body: Body }[];
  readonly otherwise: Body;
}

export interface For extends Node {
  readonly kind: "for";
  readonly target: Target;
  readonly iterable: Expression;
  readonly test: Expression | undefined;
  readonly recursive: boolean;
  readonly body: Body;
  /** Undefined without `{% else %}`. */
  readonly otherwise: Body | undefined;
}

/** What a macro, or the body of a call block, takes. */
export interface Signature {
  readonly parameters: readonly string[];
  /** Of the last parameters. */
  readonly defaults: readonly Expression[];
}

export interface Macro extends Node {
  readonly kind: "macro";
  readonly name: string;
  readonly signature: Signature;
  readonly body: Body;
}

export interface CallBlock extends Node {
  readonly kind: "call block";
  readonly signature: Signature;
  readonly call: Call;
  readonly body: Body;
}

/** `{% generation %}`: what the model writes. A scope of its own, as transformers' extension makes it. */
export interface Generation extends Node {
  readonly kind: "generation";
  readonly body: Body;
}

export interface Assign extends Node {
  readonly kind: "assign";
  readonly target: Target;
  readonly value: Expression;
}

export interface AssignBlock extends Node {
  readonly kind: "assign block";
  readonly target: Target;
  /** A chain whose innermost filter takes the block's text. */
  readonly filter: Filter | undefined;
  readonly body: Body;
}

export interface FilterBlock extends Node {
  readonly kind: "filter block";
  readonly filter: Filter;
  readonly body: Body;
}

export interface With extends Node {
  readonly kind: "with";
  readonly bindings: readonly { readonly target: Target; readonly value: Expression }[];
  readonly body: Body;
}

export interface Autoescape extends Node {
  readonly kind: "autoescape";
  readonly enabled: Expression;
  readonly body: Body;
}

export interface Block extends Node {
  readonly kind: "block";
  readonly name: string;
  readonly scoped: boolean;
  readonly required: boolean;
  readonly body: Body;
}

/** `import`, `from`, `include` and `extends`: other templates, of which there are none. */
export interface OtherTemplate extends Node {
  readonly kind: "other template";
  readonly tag: string;
  readonly template: Expression;
  /** The names that it would define. */
  readonly names: readonly string[];
}

export interface LoopControl extends Node {
  readonly kind: "break" | "continue";
}

export type Statement =
  | Text
  | Output
  | If
  | For
  | Macro
  | CallBlock
  | Generation
  | Assign
  | AssignBlock
  | FilterBlock
  | With
  | Autoescape
  | Block
  | OtherTemplate
  | LoopControl;

export type Body = readonly Statement[];
