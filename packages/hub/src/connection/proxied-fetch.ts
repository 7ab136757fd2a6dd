import { HubRequestError } from "@elastic-attention/core";

let known: { readonly key: string; readonly fetch: typeof fetch } | undefined;

/**
 * `fetch` through the proxies of HTTPS_PROXY, HTTP_PROXY and NO_PROXY (capitals or not), which Node's own does not read.
 *
 * @throws HubRequestError for a proxy that is no address
 */
export async function proxiedFetch(): Promise<typeof fetch> {
  const httpProxy = variable("http_proxy");
  const httpsProxy = variable("https_proxy") ?? httpProxy;
  if (httpProxy === undefined && httpsProxy === undefined) return fetch;
  const noProxy = variable("no_proxy") ?? "";
  const key = [httpProxy, httpsProxy, noProxy].join("\n");
  if (known?.key === key) return known.fetch;
  // Its fetch and its agents are of one version; loaded where there is a proxy only.
  const { EnvHttpProxyAgent, fetch: fetchThrough } = await import("undici");
  const dispatcher = new EnvHttpProxyAgent({ noProxy, ...(httpProxy === undefined ? {} : { httpProxy }), ...(httpsProxy === undefined ? {} : { httpsProxy }) });
  const through = ((input: string | URL, init?: object) => fetchThrough(input, { ...init, dispatcher })) as unknown as typeof fetch;
  known = { key, fetch: through };
  return through;
}

/** The proxy that an address is asked through, without its password, for errors. */
export function proxyText(): string | undefined {
  const proxy = variable("https_proxy") ?? variable("http_proxy");
  return proxy === undefined ? undefined : new URL(proxy).host;
}

function variable(name: string): string | undefined {
  const value = [name, name.toUpperCase()].map((each) => process.env[each]?.trim()).find((each) => each !== undefined && each !== "");
  if (value === undefined || name === "no_proxy") return value;
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!/^https?:/i.test(address) || !URL.canParse(address)) {
    throw new HubRequestError(`${name.toUpperCase()} is no address of an HTTP proxy.`, "Set it to http://host:port, or unset it.");
  }
  return address;
}
