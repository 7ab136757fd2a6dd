import { HubError } from "./hub-error.js";

/** An archive is cut short or not a zip archive. */
export class DamagedArchiveError extends HubError {
  static {
    this.register("DamagedArchiveError");
  }

  constructor(path: string, problem: string, cause?: unknown) {
    super("DAMAGED_ARCHIVE", `${path} cannot be unpacked: ${problem}.`, { hint: "It was cut short or is no zip archive; fetch it again.", cause });
  }
}
