import { HubError } from "./hub-error.js";

/** The cache does not have the model that was named. */
export class NotCachedError extends HubError {
  static {
    this.register("NotCachedError");
  }

  constructor(what: string, cacheFolder: string, hint: string) {
    super("NOT_CACHED", `${what} is not in the cache ${cacheFolder}.`, { hint });
  }
}
