import type { AttentionMode } from "../../modes/attention-mode.js";
import { attentionModeDefinition } from "../../modes/mode-registry.js";
import { boundPages } from "../../operations/pages/bound-pages.js";
import { shortenedCache } from "../shortened-cache.js";
import type { LayerStorage } from "../layer-storage.js";
import { refuseCacheType } from "../rounded/cache-type.js";
import { completePages } from "./page-bounds.js";

/**
 * Bounds the complete pages that have no bounds yet, of the heads whose modes choose pages.
 *
 * @param length tokens that the layer's memory holds
 * @throws OutOfMemoryError
 */
export function updateBounds(storage: LayerStorage, modes: readonly AttentionMode[], length: number): void {
  const pageTokens = modes.map((mode) => attentionModeDefinition(mode).pageTokens?.(mode));
  const size = pageTokens.find((tokens) => tokens !== undefined);
  if (size === undefined) return;
  const { backend } = storage.keys;
  const bounds = storage.openBounds(size);
  const [firstPage, endPage] = [completePages(storage.boundedTokens, size), completePages(length, size)];
  if (firstPage < endPage) {
    const keyValueHeads = pageTokens.flatMap((tokens, head) => (tokens === size ? [head] : []));
    const call = { cache: shortenedCache(storage, length), bounds, keyValueHeads, firstPage, endPage };
    if (storage.cacheType !== undefined && backend.kernels.find(boundPages, call) === undefined) throw refuseCacheType("pages", storage.cacheType, backend.name);
    backend.kernels.run(boundPages, call);
  }
  storage.boundedTokens = Math.max(storage.boundedTokens, length);
}
