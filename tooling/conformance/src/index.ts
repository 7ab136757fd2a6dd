export * from "./attention-kernels.js";
export * from "./backend-under-test.js";
export * from "./float-kernels.js";
export * from "./hostile-arguments.js";
export * from "./linear-kernels.js";
export * from "./preparation-kernels.js";
export * from "./random-tensors.js";
export * from "./router-kernels.js";
