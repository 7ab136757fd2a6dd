export * from "./call-arguments.js";
export * from "./guard-addon.js";
export * from "./loading/addon-file.js";
export * from "./loading/load-addon.js";
export * from "./loading/platform.js";
export * from "./native-addon.js";
export * from "./native-backend.js";
export { pushAttentionScores } from "./kernels/pack-attention.js";
export * from "./kernels/requirements.js";
