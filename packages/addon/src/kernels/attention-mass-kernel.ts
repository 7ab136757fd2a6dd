import { attentionMass, expectMass } from "@elastic-attention/attention";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { registerPacked } from "./packed-kernel.js";
import { computeFloats } from "./requirements.js";

/** The attention of last rows, summed by key; registered where the addon has it. */
export function registerAttentionMass(backend: NativeBackend): void {
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  registerPacked(backend, attentionMass, backend.addon.attentionMass, {
    name: "rows",
    supports: ({ query, cache }) => requireComputeFloats({ query, "the cache": cache.keys }),
    pack(call) {
      const { query, cache, keyValueHeads, mass, scale, softCap = 0 } = call;
      const { numQueryHeads, group } = expectMass(call);
      const packed = new CallArguments().tensor(query).tensor(cache.keys).pages(cache.pages).tensor(mass);
      packed.number(numQueryHeads, cache.headDim, cache.length, group, scale, softCap, keyValueHeads.length);
      for (const head of keyValueHeads) packed.number(head).store(cache.heads[head]!);
      return packed;
    },
  });
}
