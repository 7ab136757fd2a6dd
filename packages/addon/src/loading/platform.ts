/** Platforms that binaries are published for, by the name at the end of their packages. */
export const publishedPlatforms: Readonly<Record<"cpu" | "cuda", readonly string[]>> = {
  cpu: ["linux-x64-gnu", "linux-arm64-gnu", "linux-x64-musl", "linux-arm64-musl", "darwin-arm64", "darwin-x64", "win32-x64"],
  cuda: ["linux-x64-gnu"],
};

let known: string | undefined;

/** This machine's platform: `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, `win32-x64`. */
export function platformName(): string {
  known ??= [process.platform, process.arch, ...(process.platform === "linux" ? [usesGlibc() ? "gnu" : "musl"] : [])].join("-");
  return known;
}

function usesGlibc(): boolean {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // Without this the report looks up names of open connections, which can take seconds.
  report.excludeNetwork = true;
  const { header } = report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}
