import { ElasticAttentionError } from "@elastic-attention/core";

/** What a client is told of an error, beside its message. */
export interface ApiErrorDetails {
  /** HTTP status. */
  readonly status: number;
  /** OpenAI's kind of error: `invalid_request_error`, `server_error`. */
  readonly type: string;
  /** For programs: `context_length_exceeded`. */
  readonly code?: string;
  /** The field that is at fault. */
  readonly param?: string;
  /** After how many seconds it is worth asking again. */
  readonly retryAfterSeconds?: number;
}

/** An error that a client gets with a status. */
export class ApiError extends ElasticAttentionError {
  static {
    this.register("ApiError");
  }

  constructor(
    message: string,
    readonly details: ApiErrorDetails,
    cause?: unknown,
  ) {
    super("API", message, cause === undefined ? {} : { cause });
  }

  /** A field that is wrong, or that cannot be honoured. */
  static invalid(param: string, message: string, code?: string): ApiError {
    return new ApiError(message, { status: 400, type: "invalid_request_error", param, ...(code === undefined ? {} : { code }) });
  }
}
