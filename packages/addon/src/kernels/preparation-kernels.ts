import { ShapeError } from "@elastic-attention/core";
import { countVisitedBlocks } from "@elastic-attention/attention";
import { expectShape, fillNormal, firstNotFinite, rotaryTables } from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { requireFloats } from "./requirements.js";

/** Tables, random weights, and sums over what was selected. */
export function registerPreparationKernels(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const name = "rows";

  kernels.register(rotaryTables, {
    name,
    supports: () => [],
    run({ frequencies, scale, cosine, sine }) {
      expectShape("rotaryTables", "cosine", cosine, [-1, frequencies.numElements]);
      expectShape("rotaryTables", "sine", sine, cosine.shape);
      const call = new CallArguments().vector(frequencies).tensor(cosine).tensor(sine).number(scale);
      backend.call("rotaryTables", addon.rotaryTables, call);
    },
  });

  kernels.register(fillNormal, {
    name,
    supports: ({ output }) => requireFloats({ output }),
    run({ output, seed, deviation }) {
      backend.call("fillNormal", addon.fillNormal, new CallArguments().tensor(output).number(seed | 0, deviation));
    },
  });

  kernels.register(firstNotFinite, {
    name,
    supports: ({ input }) => requireFloats({ input }),
    run({ input, output }) {
      expectShape("firstNotFinite", "output", output, [1]);
      backend.call("firstNotFinite", addon.firstNotFinite, new CallArguments().tensor(input).vector(output));
    },
  });

  kernels.register(countVisitedBlocks, {
    name,
    supports: () => [],
    run({ mask, counts }) {
      expectShape("countVisitedBlocks", "counts", counts, [mask.numQueryHeads]);
      if (counts.dtype !== "i32") throw new ShapeError(`countVisitedBlocks: counts are i32, found ${counts.dtype}.`);
      backend.call("countVisitedBlocks", addon.countVisitedBlocks, new CallArguments().tensor(mask.visited).vector(counts));
    },
  });
}
