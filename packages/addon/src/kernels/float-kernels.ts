import {
  add,
  cast,
  embedding,
  expectShape,
  gatedActivation,
  headNorm,
  rmsNorm,
  rotary,
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

  kernels.register(rotary, {
    name,
    supports: ({ heads, cosine, pairs }) => [
      ...requireComputeFloats({ heads }),
      ...(pairs === "neighbours" || 2 * cosine.rowLength !== heads.shape[2] ? ["the kernel turns the halves of whole heads"] : []),
    ],
    run({ heads, positions, cosine, sine, inverse = false }) {
      const half = (heads.shape[2] ?? -2) / 2;
      expectShape("rotary", "heads", heads, [-1, -1, 2 * half]);
      expectShape("rotary", "positions", positions, [heads.shape[0]!]);
      expectShape("rotary", "cosine", cosine, [-1, half]);
      expectShape("rotary", "sine", sine, cosine.shape);
      const call = new CallArguments().tensor(heads).vector(positions).tensor(cosine).tensor(sine);
      backend.call("rotary", addon.rotary, call.flag(inverse));
    },
  });

  kernels.register(gatedActivation, {
    name,
    supports: ({ gate, up, activation, output }) => [
      ...(activation === "silu" ? [] : ["the kernel computes silu only"]),
      ...requireComputeFloats({ gate }),
      ...requireSameDType({ gate, up, output }),
    ],
    run({ gate, up, output }) {
      expectShape("gatedActivation", "up", up, gate.shape);
      expectShape("gatedActivation", "output", output, gate.shape);
      backend.call("gatedActivation", addon.swiglu, new CallArguments().tensor(gate).tensor(up).tensor(output));
    },
  });

  kernels.register(embedding, {
    name,
    supports: ({ table, scale = 1, output }) => [...requireFloats({ table, output }), ...(scale === 1 ? [] : ["the kernel does not scale"])],
    run({ ids, table, output }) {
      expectShape("embedding", "ids", ids, [-1]);
      expectShape("embedding", "output", output, [ids.numRows, table.rowLength]);
      backend.call("embedding", addon.embedding, new CallArguments().vector(ids).tensor(table).tensor(output));
    },
  });

  kernels.register(add, {
    name,
    supports: ({ a, b, scale = 1, output }) => [...(scale === 1 ? [] : ["the kernel does not scale"]), ...requireComputeFloats({ a }), ...requireSameDType({ a, b, output })],
    run({ a, b, output }) {
      expectShape("add", "b", b, a.shape);
      expectShape("add", "output", output, a.shape);
      backend.call("add", addon.add, new CallArguments().tensor(a).tensor(b).tensor(output));
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
