export * from "./cpu-backend.js";
export * from "./cpu-provider.js";
export { type InstructionSet, detectedInstructionSet, instructionSets } from "./instruction-set.js";
export { addonPath, loadAddon, type NativeAddon, type NativeKernel } from "./native-addon.js";
export { CallArguments } from "./call-arguments.js";
