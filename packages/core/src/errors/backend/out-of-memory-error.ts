import { ElasticAttentionError } from "../elastic-attention-error.js";

/** No memory left on a device, or a configured limit reached. The backend stays usable. */
export class OutOfMemoryError extends ElasticAttentionError {
  static {
    this.register("OutOfMemoryError");
  }

  constructor(
    readonly backendName: string,
    readonly requestedBytes: number,
    readonly liveBytes: number,
    readonly limitBytes: number | undefined,
    /** What was asked for, where it is more than one allocation: refused before any work. */
    readonly purpose?: string,
    hint = "Shorten the prompt, lower the batch, or raise the sparsity so that more heads drop their keys and values.",
  ) {
    const limit = limitBytes === undefined ? "" : ` of at most ${limitBytes}`;
    const problem = purpose === undefined ? `cannot allocate ${requestedBytes} bytes of memory` : `${purpose} needs ${requestedBytes} bytes more`;
    super("OUT_OF_MEMORY", `${backendName}: ${problem} (${liveBytes}${limit} in use).`, { hint });
  }
}
