import {
  availableInstructionSets,
  buildAllLevels,
  createCpuBackend,
  instructionSets,
  leftOutInstructionSets,
  levelVariable,
  loadAddon,
  measureProductRate,
} from "@elastic-attention/cpu";
import { BackendUnavailableError, InvalidOptionError } from "@elastic-attention/core";

/**
 * The level that cpu kernels run at, under the name that --cpu-level takes; the levels that the processor has and that are left
 * unused, with what they would gain, measured; those that this build leaves out, and those that the processor lacks.
 * Undefined where the backend does not start.
 */
export function cpuLevelText(): string | undefined {
  try {
    using backend = createCpuBackend();
    const addon = loadAddon();
    return describeLevel(backend.instructionSet, availableInstructionSets(addon), leftOutInstructionSets(addon));
  } catch (error) {
    // Said in the line of the backend.
    if (BackendUnavailableError.isInstance(error) || InvalidOptionError.isInstance(error)) return undefined;
    throw error;
  }
}

type Levels = typeof instructionSets;

function describeLevel(level: Levels[number], available: Levels, leftOut: Levels): string {
  const best = available.at(-1)!;
  const missing = instructionSets.filter((each) => !available.includes(each) && !leftOut.includes(each));
  const without = leftOut.length === 0 ? "" : `; this build leaves out ${leftOut.join(", ")} (${buildAllLevels})`;
  const lacks = `${without}${missing.length === 0 ? "" : `; this processor lacks ${missing.join(", ")}`}`;
  if (level === best) return `${level}, the best of ${available.join(", ")}${lacks}`;
  const unused = available.slice(available.indexOf(level) + 1).join(", ");
  const share = measureProductRate(level) / measureProductRate(best);
  const cost = `products of bf16 reach ${share.toFixed(2)} of the rate of ${best} (measured)`;
  return `${level}, as ${levelVariable} asks, leaves ${unused} unused: ${cost}${lacks}`;
}
