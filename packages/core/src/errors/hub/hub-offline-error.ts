import { HubError } from "./hub-error.js";

/** HF_HUB_OFFLINE is set, and the cache does not have what was asked for. */
export class HubOfflineError extends HubError {
  static {
    this.register("HubOfflineError");
  }

  constructor(what: string, cacheFolder: string) {
    super("HUB_OFFLINE", `${what} is not in the cache ${cacheFolder}, and the hub is not asked.`, {
      hint: "Unset HF_HUB_OFFLINE to fetch it, or point HF_HOME at the cache that has it.",
    });
  }
}
