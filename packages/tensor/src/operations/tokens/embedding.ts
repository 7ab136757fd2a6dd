import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

export interface EmbeddingCall {
  /** [tokens], i32. */
  readonly ids: Tensor;
  /** [vocabulary, features], any float dtype. */
  readonly table: Tensor;
  /** [tokens, features]. */
  readonly output: Tensor;
}

/** output[t] = table[ids[t]]. @throws ShapeError for an id outside the table. */
export const embedding = defineOperation<EmbeddingCall>("embedding", ({ ids, table, output }) => {
  expectShape("embedding", "ids", ids, [-1]);
  expectShape("embedding", "output", output, [ids.numRows, table.rowLength]);
  for (const [token, id] of readIntegers(ids).entries()) {
    if (id < 0 || id >= table.numRows) {
      throw new ShapeError(`embedding: token id ${id} is outside a vocabulary of ${table.numRows}.`);
    }
    writeFloats(output.rows(token, token + 1), readFloats(table.rows(id, id + 1)));
  }
});
