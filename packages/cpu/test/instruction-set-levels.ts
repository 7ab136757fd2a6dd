import { detectedInstructionSet, instructionSets, loadAddon } from "../src/index.js";

/** Every level that this machine can run; the tests run each of them. */
export const levels = instructionSets.slice(0, instructionSets.indexOf(detectedInstructionSet(loadAddon())) + 1);
