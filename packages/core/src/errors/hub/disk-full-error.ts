import { HubError } from "./hub-error.js";

/** The disk of the cache has no room. */
export class DiskFullError extends HubError {
  static {
    this.register("DiskFullError");
  }

  constructor(folder: string, neededBytes: number, cause?: unknown) {
    super("DISK_FULL", `There is no room in ${folder} for ${(neededBytes / 1e6).toFixed(1)} MB.`, {
      hint: "Free some, or point HF_HOME at a larger disk.",
      cause,
    });
  }
}
