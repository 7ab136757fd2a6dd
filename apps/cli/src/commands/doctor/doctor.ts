import { existsSync } from "node:fs";
import { join } from "node:path";
import { InvalidOptionError } from "@elastic-attention/core";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { createBackend, registeredBackends } from "@elastic-attention/tensor";
import { registeredModelAdapters } from "@elastic-attention/transformer";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import { cpuLevelText } from "./cpu-level.js";
import type { DoctorOptions } from "./doctor-command.js";
import { type Finding, findingsText } from "./finding.js";
import { machineFindings } from "./machine-findings.js";

/**
 * `doctor`: looks at the machine and the installation; what is slow, what is missing, what to do; exit code 1 when the
 * native backend cannot start.
 */
export const doctor: CommandFunction<DoctorOptions> = async ({ options }) => {
  registerPackages();
  const findings: Finding[] = [
    ...machineFindings(),
    ...(await backendFindings()),
    ...levelFindings(),
    demoModelFinding(),
    { what: "model families", ok: true, detail: registeredModelAdapters().map(({ name }) => name).join(", ") },
  ];
  if (options.json) console.log(JSON.stringify({ findings }, undefined, 2));
  else console.log(findingsText(findings, process.stdout.columns));
  return findings.every(({ ok, optional }) => ok || optional === true) ? 0 : 1;
};

async function backendFindings(): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const provider of registeredBackends()) {
    const what = `backend ${provider.name}`;
    const reasons = await provider.available();
    if (reasons.length > 0) {
      findings.push({ what, ok: false, optional: provider.needsDevice === true, detail: reasons.join("; ") });
      continue;
    }
    try {
      using backend = await createBackend(provider.name);
      findings.push({ what, ok: true, detail: backend.device.description });
    } catch (error) {
      if (!InvalidOptionError.isInstance(error)) throw error;
      findings.push({ what, ok: false, detail: `${error.message} ${error.hint ?? ""}`.trim() });
    }
  }
  return findings;
}

/** The level of the cpu backend's kernels, where that backend starts. */
function levelFindings(): Finding[] {
  const detail = cpuLevelText();
  return detail === undefined ? [] : [{ what: "cpu level", ok: true, detail }];
}

function demoModelFinding(): Finding {
  const directory = demoModelDirectory();
  const missing = ["config.json", "model.safetensors", "tokenizer.json", "heads.json"].filter((file) => !existsSync(join(directory, file)));
  const detail = missing.length === 0 ? directory : `${directory} lacks ${missing.join(", ")}: install @elastic-attention/demo-model again`;
  return { what: "demo model", ok: missing.length === 0, detail };
}
