import { defineOperation } from "../../operation.js";
import type { Tensor } from "../../tensor.js";
import { type LinearWeight, referenceWeight } from "../linear/linear-weight.js";
import { embedding } from "./embedding.js";

export interface EmbedBlocksCall {
  /** [tokens], i32. */
  readonly ids: Tensor;
  /** [vocabulary, features], as `packBlocks` makes it: one weight may serve as table and as head. */
  readonly table: LinearWeight;
  /** Multiplies every element before it is rounded. Default 1. */
  readonly scale?: number;
  /** [tokens, features]. */
  readonly output: Tensor;
}

/** {@link embedding} from a table in blocks, without a copy of it as floats. @throws ShapeError for an id outside the table. */
export const embedBlocks = defineOperation<EmbedBlocksCall>("embedBlocks", ({ table, ...call }, backend) => {
  table.assertAlive();
  embedding.reference.run({ ...call, table: referenceWeight(table) }, backend);
});
