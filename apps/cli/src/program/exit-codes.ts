/** Exit codes as shells know them. */
export const exitCodes = {
  failed: 1,
  /** Ctrl-C: 128 and the number of SIGINT. */
  interrupted: 130,
  /** Nobody reads the output any more: 128 and the number of SIGPIPE. */
  closedPipe: 141,
} as const;
