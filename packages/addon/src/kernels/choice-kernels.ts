import {
  attentionMass,
  blockSearch,
  boundPages,
  createBlockMask,
  expectBlockSearch,
  expectBounds,
  expectMass,
  expectSelection,
  selectPages,
} from "@elastic-attention/attention";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { registerPacked } from "./packed-kernel.js";
import { computeFloats, readableRows } from "./requirements.js";

/** What modes choose by: pages, blocks of a prompt, the attention of last rows. Registered where the addon has them. */
export function registerChoiceKernels(backend: NativeBackend): void {
  registerPageKernels(backend);
  registerAttentionMass(backend);
  registerBlockSearch(backend);
}

/** Bounds of a cache's pages, and the pages that queries choose by them. */
function registerPageKernels(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const requireReadableRows = readableRows(backend.traits);
  const { boundPages: bound, selectPages: select } = addon;

  if (bound !== undefined) {
    kernels.register(boundPages, {
      name: "pages",
      supports: ({ cache, bounds }) => [...requireReadableRows(cache), ...requireComputeFloats({ bounds: bounds.rows })],
      run({ cache, bounds, keyValueHeads, firstPage, endPage }) {
        expectBounds("boundPages", cache, bounds);
        const call = new CallArguments().cacheRows(cache.keys, cache).pages(cache.pages).tensor(bounds.rows);
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

/** The attention of last rows, summed by key. */
function registerAttentionMass(backend: NativeBackend): void {
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const requireReadableRows = readableRows(backend.traits);
  registerPacked(backend, attentionMass, backend.addon.attentionMass, {
    name: "rows",
    supports: ({ query, cache }) => [...requireComputeFloats({ query }), ...requireReadableRows(cache)],
    pack(call) {
      const { query, cache, keyValueHeads, mass, scale, softCap = 0 } = call;
      const { numQueryHeads, group } = expectMass(call);
      const packed = new CallArguments().tensor(query).cacheRows(cache.keys, cache).pages(cache.pages).tensor(mass);
      packed.number(numQueryHeads, cache.headDim, cache.length, group, scale, softCap, keyValueHeads.length);
      for (const head of keyValueHeads) packed.number(head).store(cache.heads[head]!);
      return packed;
    },
  });
}

/** The search for blocks of a prompt. */
function registerBlockSearch(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const { blockSearch: search } = addon;
  if (search === undefined) return;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const requireReadableRows = readableRows(backend.traits);
  kernels.register(blockSearch, {
    name: "means",
    supports: ({ query, cache }) => [...requireComputeFloats({ query }), ...requireReadableRows(cache)],
    run(call) {
      const { query, cache, keyValueHeads, blockSize, stride, alpha, scale, softCap = 0 } = call;
      const { numQueryHeads, group, blocks } = expectBlockSearch(call);
      const visited = backend.allocate([numQueryHeads * blocks, blocks], "u8");
      try {
        const packed = new CallArguments().tensor(query).cacheRows(cache.keys, cache).pages(cache.pages).tensor(visited);
        packed.number(numQueryHeads, cache.headDim, blockSize, stride, alpha, scale, softCap, group, keyValueHeads.length);
        for (const head of keyValueHeads) packed.number(head).store(cache.heads[head]!);
        backend.call("blockSearch", search, packed);
        return createBlockMask(visited, blockSize, numQueryHeads);
      } catch (error) {
        visited.dispose();
        throw error;
      }
    },
  });
}
