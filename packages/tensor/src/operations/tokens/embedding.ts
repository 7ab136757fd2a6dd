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
  /** Multiplies every element before it is rounded (the scaled embeddings of Gemma and Granite). Default 1. */
  readonly scale?: number;
  /** [tokens, features]. */
  readonly output: Tensor;
}

/** output[t] = scale · table[ids[t]], rounded once. @throws ShapeError for an id outside the table. */
export const embedding = defineOperation<EmbeddingCall>("embedding", ({ ids, table, scale = 1, output }) => {
  expectShape("embedding", "ids", ids, [-1]);
  expectShape("embedding", "output", output, [ids.numRows, table.rowLength]);
  for (const [token, id] of readIntegers(ids).entries()) {
    if (id < 0 || id >= table.numRows) {
      throw new ShapeError(`embedding: token id ${id} is outside a vocabulary of ${table.numRows}.`);
    }
    writeFloats(output.rows(token, token + 1), readFloats(table.rows(id, id + 1)).map((value) => scale * value));
  }
});
