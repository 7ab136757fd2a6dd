import { fullModeDefinition } from "./modes/full.js";
import { registerAttentionMode } from "./modes/mode-registry.js";
import { streamingModeDefinition } from "./modes/streaming.js";
import { xattentionModeDefinition } from "./modes/xattention.js";

registerAttentionMode(fullModeDefinition);
registerAttentionMode(streamingModeDefinition);
registerAttentionMode(xattentionModeDefinition);

export * from "./cache/head-slots.js";
export * from "./cache/head-stores.js";
export * from "./cache/layer-cache.js";
export * from "./cache/sequence-cache.js";
export * from "./head-plan.js";
export * from "./modes/attention-mode.js";
export * from "./modes/block-mask.js";
export * from "./modes/block-pattern.js";
export * from "./modes/full.js";
export * from "./modes/mode-registry.js";
export * from "./modes/streaming.js";
export * from "./modes/visited-blocks.js";
export * from "./modes/xattention.js";
export * from "./operations/cache-append.js";
export * from "./operations/hybrid-attention.js";
export * from "./operations/reference-xattention-estimate.js";
export * from "./operations/xattention-estimate.js";
export * from "./sparsity.js";
