import { accessSync, constants, existsSync } from "node:fs";
import { availableParallelism, cpus, freemem, loadavg, totalmem } from "node:os";
import { dirname } from "node:path";
import { platformName } from "@elastic-attention/addon";
import { ElasticAttentionError } from "@elastic-attention/core";
import { detectedInstructionSet, loadAddon } from "@elastic-attention/cpu";
import { hubSettings } from "@elastic-attention/hub";
import { formatBytes } from "../../report/routing-report-text.js";
import type { Finding } from "./finding.js";

/** Less than this and a model of a few gigabytes does not load. */
const lowMemory = 2e9;

/** The machine as programs see it: what it runs, how fast it can be, and what keeps it from that. */
export function machineFindings(): Finding[] {
  return [
    { what: "node", ok: true, detail: `${process.version} on ${platformName()}` },
    processorFinding(),
    ...busyFindings(),
    memoryFinding(),
    ...kernelFindings(),
    modelCacheFinding(),
  ];
}

function processorFinding(): Finding {
  const [usable, all] = [availableParallelism(), cpus().length];
  const share = usable < all ? `${usable} of ${all} cores for this process` : `${usable} core${usable === 1 ? "" : "s"}`;
  return { what: "processor", ok: true, detail: `${cpus()[0]?.model.trim() ?? "unknown"}, ${share}` };
}

function busyFindings(): Finding[] {
  const [lastMinute = 0] = loadavg();
  const usable = availableParallelism();
  if (lastMinute < 1.5 * usable) return [];
  const detail = `load ${lastMinute.toFixed(1)} on ${usable} cores: other programs take part of the machine, and answers are slower`;
  return [{ what: "busy", ok: true, caution: true, detail }];
}

function memoryFinding(): Finding {
  const limit = process.constrainedMemory?.() ?? 0;
  const limited = limit > 0 && limit < totalmem();
  const free = limited ? Math.min(freemem(), process.availableMemory()) : freemem();
  const detail = `${formatBytes(free)} free of ${formatBytes(limited ? limit : totalmem())}${limited ? " that this container may take" : ""}`;
  return { what: "memory", ok: true, caution: free < lowMemory, detail };
}

/** A word where the kernels are slower than processors of this kind usually allow. */
function kernelFindings(): Finding[] {
  try {
    const level = detectedInstructionSet(loadAddon());
    if (process.arch !== "x64" || (level !== "plain" && level !== "avx2")) return [];
    const detail =
      level === "plain"
        ? "no AVX2: kernels run several times slower than on most processors; a virtual machine may hide it (choose the host's CPU model)"
        : "AVX2, no AVX-512: bf16 is computed in float32, which is slower; a virtual machine may hide it";
    return [{ what: "instructions", ok: true, caution: true, detail }];
  } catch (error) {
    // The backend's own finding says why there are no kernels.
    if (ElasticAttentionError.isInstance(error)) return [];
    throw error;
  }
}

/** Where models of the hub are kept, and whether anything can be written there. */
function modelCacheFinding(): Finding {
  const what = "model cache";
  let folder: string;
  try {
    folder = hubSettings().cacheFolder;
  } catch (error) {
    if (!ElasticAttentionError.isInstance(error)) throw error;
    return { what, ok: true, caution: true, detail: error.message.replaceAll("\n  hint:", "") };
  }
  let existing = folder;
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
    return { what, ok: true, detail: folder };
  } catch {
    return { what, ok: true, caution: true, detail: `${folder} cannot be written: models are found there, not fetched; HF_HUB_CACHE names another folder` };
  }
}
