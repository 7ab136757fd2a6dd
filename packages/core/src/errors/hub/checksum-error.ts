import { HubError } from "./hub-error.js";

/** A file is not the one that the hub lists: its size or hash differs. */
export class ChecksumError extends HubError {
  static {
    this.register("ChecksumError");
  }

  constructor(path: string, expected: string, found: string) {
    super("CHECKSUM", `${path} is damaged: expected ${expected}, found ${found}.`, {
      hint: "Fetch it again; if that does not help, something between here and the hub changes what it carries.",
    });
  }
}
