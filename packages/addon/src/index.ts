export * from "./call-arguments.js";
export type * from "./native-addon.js";
export * from "./native-backend.js";
export * from "./kernels/requirements.js";
