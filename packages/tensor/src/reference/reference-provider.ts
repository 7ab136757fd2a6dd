import type { BackendProvider } from "../backend-registry.js";
import { hostWorkSizes } from "../work-sizes.js";
import { ReferenceBackend } from "./reference-backend.js";

/** Provider of the reference backend, for `registerBackend`. */
export const referenceProvider: BackendProvider = {
  name: "reference",
  workSizes: hostWorkSizes,
  options: ["precision"],
  available: async () => [],
  create: async (options) => new ReferenceBackend(options.precision === "f64" ? { precision: "f64" } : {}),
};
