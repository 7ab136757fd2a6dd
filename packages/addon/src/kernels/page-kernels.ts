import { boundPages, createBlockMask, expectBounds, expectSelection, selectPages } from "@elastic-attention/attention";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { computeFloats } from "./requirements.js";

/** Bounds of a cache's pages, and the pages that queries choose by them; registered where the addon has them. */
export function registerPageKernels(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const { boundPages: bound, selectPages: select } = addon;

  if (bound !== undefined) {
    kernels.register(boundPages, {
      name: "pages",
      supports: ({ cache, bounds }) => requireComputeFloats({ "the cache": cache.keys, bounds: bounds.rows }),
      run({ cache, bounds, keyValueHeads, firstPage, endPage }) {
        expectBounds("boundPages", cache, bounds);
        const call = new CallArguments().tensor(cache.keys).pages(cache.pages).tensor(bounds.rows);
        call.number(bounds.pageTokens, firstPage, endPage, keyValueHeads.length);
        for (const head of keyValueHeads) call.store(cache.heads[head]!);
        backend.call("boundPages", bound, call);
      },
    });
  }

  if (select === undefined) return;
  kernels.register(selectPages, {
    name: "pages",
    supports: ({ query, bounds }) => requireComputeFloats({ query, bounds: bounds.rows }),
    run(selection) {
      const { query, cache, bounds, keyValueHeads, choice } = selection;
      const { numQueryHeads, group, keyBlocks, firstBlock } = expectSelection(selection);
      const visited = backend.allocate([numQueryHeads * (keyBlocks - firstBlock), keyBlocks], "u8");
      try {
        const call = new CallArguments().tensor(query).tensor(bounds.rows).pages(cache.pages).tensor(visited);
        call.number(cache.keys.shape[0]!, numQueryHeads, cache.headDim, cache.length, bounds.pageTokens);
        call.number(choice.sinkBlocks, choice.localBlocks, choice.budgetPages, choice.budgetParts, group, keyValueHeads.length);
        for (const head of keyValueHeads) call.number(head).store(cache.heads[head]!);
        backend.call("selectPages", select, call);
        return createBlockMask(visited, bounds.pageTokens, numQueryHeads);
      } catch (error) {
        visited.dispose();
        throw error;
      }
    },
  });
}
