import { getHFHubCachePath, HUB_URL } from "@huggingface/hub";
import { HubRequestError } from "@elastic-attention/core";

/** Where the hub and the cache are, and how to be let in. */
export interface HubSettings {
  /** Address of the hub, without a slash at the end. */
  readonly endpoint: string;
  /** Folder of the cache, in the layout that the hub's own libraries share. */
  readonly cacheFolder: string;
  /** Access token; it is sent to the endpoint only. */
  readonly token: string | undefined;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
}

/**
 * Settings from the environment, as the hub's own libraries read it: HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE, and for the cache
 * HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME.
 *
 * @param overrides what does not come from the environment
 * @throws HubRequestError for a token or an address that cannot be one, and where neither the environment nor a home says where
 *   the cache is
 */
export function hubSettings(overrides: Partial<HubSettings> = {}): HubSettings {
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token, HF_HUB_OFFLINE: offline } = process.env;
  const settings: HubSettings = {
    endpoint: endpoint === undefined || endpoint.trim() === "" ? HUB_URL : endpoint.trim(),
    cacheFolder: overrides.cacheFolder ?? cacheFolder(),
    token: token === undefined || token.trim() === "" ? undefined : token.trim(),
    offline: /^(1|on|yes|true)$/i.test(offline ?? ""),
    ...overrides,
  };
  if (!URL.canParse(settings.endpoint)) throw new HubRequestError(`"${settings.endpoint}" is no address of a hub.`, "Set HF_ENDPOINT to a URL, or unset it.");
  if (settings.token !== undefined && !settings.token.startsWith("hf_")) {
    throw new HubRequestError("The access token is no token of the hub.", 'Tokens begin with "hf_"; set HF_TOKEN to one, or unset it.');
  }
  return { ...settings, endpoint: settings.endpoint.replace(/\/+$/, "") };
}

function cacheFolder(): string {
  try {
    return getHFHubCachePath();
  } catch {
    // The user of a container may have no entry in the system's list of users, and so no home.
    throw new HubRequestError("There is no home folder, where models would be kept.", "Set HF_HUB_CACHE to a folder that can be written.");
  }
}
