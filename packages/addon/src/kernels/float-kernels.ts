import {
  activate,
  add,
  cast,
  embedding,
  expectShape,
  expectSoftCap,
  gatedActivation,
  headNorm,
  layerNorm,
  rmsNorm,
  rotary,
  scale,
  turnedHalf,
} from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { computeFloats, requireFloats, requireSameDType } from "./requirements.js";

/** Norms, rotation, activation and other row-wise work. */
export function registerFloatKernels(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const name = "rows";

  kernels.register(rmsNorm, {
    name,
    supports: ({ input, output }) => requireComputeFloats({ input, output }),
    run({ input, weight, epsilon, output }) {
      expectShape("rmsNorm", "weight", weight, [input.rowLength]);
      expectShape("rmsNorm", "output", output, input.shape);
      backend.call("rmsNorm", addon.rmsNorm, new CallArguments().tensor(input).vector(weight).tensor(output).number(epsilon));
    },
  });

  kernels.register(headNorm, {
    name,
    supports: ({ heads }) => requireComputeFloats({ heads }),
    run({ heads, weight, epsilon }) {
      const headDim = heads.shape[2] ?? -1;
      expectShape("headNorm", "heads", heads, [-1, -1, headDim]);
      expectShape("headNorm", "weight", weight, [headDim]);
      backend.call("headNorm", addon.headNorm, new CallArguments().tensor(heads).vector(weight).number(epsilon));
    },
  });

  kernels.register(layerNorm, {
    name,
    supports: ({ input, weight, bias, output }) => [...requireComputeFloats({ input, output }), ...requireFloats({ weight, bias })],
    run({ input, weight, bias, epsilon, output }) {
      expectShape("layerNorm", "weight", weight, [input.rowLength]);
      if (bias !== undefined) expectShape("layerNorm", "bias", bias, [input.rowLength]);
      expectShape("layerNorm", "output", output, input.shape);
      const call = new CallArguments().tensor(input).vector(weight);
      if (bias === undefined) call.missing();
      else call.vector(bias);
      backend.call("layerNorm", addon.layerNorm, call.tensor(output).number(epsilon));
    },
  });

  kernels.register(rotary, {
    name,
    supports: ({ heads }) => requireComputeFloats({ heads }),
    run({ heads, positions, cosine, sine, inverse = false, pairs = "halves" }) {
      const headDim = heads.shape[2] ?? -1;
      expectShape("rotary", "heads", heads, [-1, -1, headDim]);
      expectShape("rotary", "positions", positions, [heads.shape[0]!]);
      turnedHalf(headDim, cosine);
      expectShape("rotary", "sine", sine, cosine.shape);
      const call = new CallArguments().tensor(heads).vector(positions).tensor(cosine).tensor(sine);
      backend.call("rotary", addon.rotary, call.number(headDim).flag(inverse).flag(pairs === "neighbours"));
    },
  });

  kernels.register(gatedActivation, {
    name,
    supports: ({ gate, up, output }) => [...requireComputeFloats({ gate }), ...requireSameDType({ gate, up, output })],
    run({ gate, up, activation, output }) {
      expectShape("gatedActivation", "up", up, gate.shape);
      expectShape("gatedActivation", "output", output, gate.shape);
      const call = new CallArguments().tensor(gate).tensor(up).tensor(output);
      backend.call("gatedActivation", addon.gatedActivation, call.gate(activation));
    },
  });

  kernels.register(activate, {
    name,
    supports: ({ input, output }) => [...requireComputeFloats({ input }), ...requireSameDType({ input, output })],
    run({ input, activation, output }) {
      expectShape("activate", "output", output, input.shape);
      backend.call("activate", addon.activate, new CallArguments().tensor(input).tensor(output).activation(activation));
    },
  });

  kernels.register(embedding, {
    name,
    supports: ({ table, output }) => requireFloats({ table, output }),
    run({ ids, table, scale: factor = 1, output }) {
      expectShape("embedding", "ids", ids, [-1]);
      expectShape("embedding", "output", output, [ids.numRows, table.rowLength]);
      backend.call("embedding", addon.embedding, new CallArguments().vector(ids).tensor(table).tensor(output).number(factor));
    },
  });

  kernels.register(add, {
    name,
    supports: ({ a, b, output }) => [...requireComputeFloats({ a }), ...requireSameDType({ a, b, output })],
    run({ a, b, scale: factor = 1, output }) {
      expectShape("add", "b", b, a.shape);
      expectShape("add", "output", output, a.shape);
      backend.call("add", addon.add, new CallArguments().tensor(a).tensor(b).tensor(output).number(factor));
    },
  });

  kernels.register(scale, {
    name,
    supports: ({ input, output }) => requireComputeFloats({ input, output }),
    run({ input, factor, softCap, output }) {
      expectShape("scale", "output", output, input.shape);
      if (softCap !== undefined) expectSoftCap("scale", softCap);
      backend.call("scale", addon.scale, new CallArguments().tensor(input).tensor(output).number(factor, softCap ?? 0));
    },
  });

  kernels.register(cast, {
    name,
    supports: ({ input, output }) => requireFloats({ input, output }),
    run({ input, output }) {
      expectShape("cast", "output", output, input.shape);
      backend.call("cast", addon.cast, new CallArguments().tensor(input).tensor(output));
    },
  });
}
