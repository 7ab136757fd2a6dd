import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A device or its driver failed at a call that was right. */
export class DeviceError extends ElasticAttentionError {
  static {
    this.register("DeviceError");
  }

  constructor(
    readonly backendName: string,
    /** What was asked of the device. */
    readonly operation: string,
    problem: string,
    options: { cause?: unknown } = {},
  ) {
    super("DEVICE", `${backendName}: ${operation} failed: ${problem}.`, {
      hint: "Try again; if it keeps failing, restart the process and look at `elastic-attention doctor`.",
      cause: options.cause,
    });
  }
}
