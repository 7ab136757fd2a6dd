import { HubError } from "./hub-error.js";

/** An archive that would write outside of its folder, make links, or fill the disk. Nothing of it is kept. */
export class HostileArchiveError extends HubError {
  static {
    this.register("HostileArchiveError");
  }

  constructor(path: string, problem: string) {
    super("HOSTILE_ARCHIVE", `${path} is not unpacked: ${problem}.`, {
      hint: "Do not trust its source. If you know it to be right, unpack it yourself and name the folder.",
    });
  }
}
