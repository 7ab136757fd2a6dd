export { blockFormats } from "./block-layout.js";
export * from "./cpu-backend.js";
export * from "./cpu-provider.js";
export * from "./product-rate.js";
export { type InstructionSet, availableInstructionSets, buildAllLevels, detectedInstructionSet, instructionSets, leftOutInstructionSets, levelVariable } from "./instruction-set.js";
export { addonPath, type CpuAddon, loadAddon } from "./cpu-addon.js";
