import type { OptionValues } from "@elastic-attention/core";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

export type DoctorOptions = OptionValues<typeof sharedOptions>;

/** The command that looks the installation over. */
export const doctorCommand = defineCommand({
  syntax: "doctor",
  description: "what was found here, what is missing, and what to do",
  options: sharedOptions,
  load: async () => (await import("./doctor.js")).doctor,
});
