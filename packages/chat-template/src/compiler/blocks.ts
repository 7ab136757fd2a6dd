import { PythonCallable, PythonObject } from "../values/python-object.js";
import type { Value } from "../values/value.js";
import type { RenderState } from "./render-state.js";

/** The body of a `{% block %}`: writes it. */
export type BlockFunction = (state: RenderState) => void;

/** `self.name` for a block: written again when it is called. */
class BlockReference extends PythonCallable {
  readonly typeName = "BlockReference";

  constructor(
    readonly name: string,
    readonly block: BlockFunction,
  ) {
    super();
  }

  call(state: RenderState): Value {
    return state.markIfEscaping(state.capture(() => this.block(state)));
  }

  represent(): string {
    return `<BlockReference ${this.name}>`;
  }
}

/** What `self` stands for: the blocks of the template. */
export class SelfReference extends PythonObject {
  readonly typeName = "TemplateReference";

  override item(key: Value, state: RenderState): Value | undefined {
    const block = typeof key === "string" ? state.blocks.get(key) : undefined;
    return block === undefined ? undefined : new BlockReference(key as string, block);
  }

  represent(): string {
    return "<TemplateReference None>";
  }
}
