/** The oldest Node.js that the command line runs on, as `engines` of package.json has it. */
export const oldestNode = "20.19";

/** One line for whoever starts an older Node.js, undefined for others. Written for old ones: no syntax younger than theirs. */
export function oldNodeMessage(version: string, path: string): string | undefined {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  const [oldestMajor, oldestMinor] = oldestNode.split(".").map(Number) as [number, number];
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return undefined;
  return "error: Node.js " + oldestNode + " or newer is needed; " + path + " is " + version + ".";
}
