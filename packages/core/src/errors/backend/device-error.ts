import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A device or its driver failed at a call that was right. */
export class DeviceError extends ElasticAttentionError {
  static {
    this.register("DeviceError");
  }

  /** Whether every later call of this process fails too: only a new process has a usable device again. */
  readonly sticky: boolean;

  constructor(
    readonly backendName: string,
    /** What was asked of the device. */
    readonly operation: string,
    /** What the device or its driver said. */
    readonly problem: string,
    options: { cause?: unknown; sticky?: boolean } = {},
  ) {
    const sticky = options.sticky ?? false;
    super("DEVICE", `${backendName}: ${operation} failed: ${problem}.`, {
      hint: sticky
        ? "The device is lost to this process: restart it, and look at `elastic-attention doctor`."
        : "Try again; if it keeps failing, restart the process and look at `elastic-attention doctor`.",
      cause: options.cause,
    });
    this.sticky = sticky;
  }
}
