export { blockFormats } from "./block-kernels.js";
export * from "./cpu-backend.js";
export * from "./cpu-provider.js";
export { type InstructionSet, detectedInstructionSet, instructionSets } from "./instruction-set.js";
export { addonPath, type CpuAddon, loadAddon } from "./cpu-addon.js";
