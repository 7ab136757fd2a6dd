/** The oldest Node.js that the command line runs on, as `engines` of package.json has it. */
export const oldestNode = "20.19";

/** What a program that runs JavaScript calls itself, beside the version of Node.js that it stands for. */
export interface RuntimeVersions {
  readonly node: string;
  readonly bun?: string | undefined;
  readonly deno?: string | undefined;
}

/** One line for whoever starts an older Node.js or another runtime, undefined for others. Written for old ones: no syntax younger than theirs. */
export function runtimeProblem(versions: RuntimeVersions, path: string): string | undefined {
  if (versions.bun !== undefined || versions.deno !== undefined) {
    const name = versions.bun !== undefined ? "Bun" : "Deno";
    return "error: " + name + " is not supported: start the command line with Node.js " + oldestNode + " or newer.";
  }
  const [major, minor] = versions.node.split(".").map(Number) as [number, number];
  const [oldestMajor, oldestMinor] = oldestNode.split(".").map(Number) as [number, number];
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return "error: Node.js " + oldestNode + " or newer is needed; " + path + " is " + versions.node + ".";
}
