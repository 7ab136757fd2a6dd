/** Beyond it two numbers differ: files keep numbers as float32. */
const relativeTolerance = 2e-6;

/** Where two values of plain data differ, in words: "layers.0.window is 128, not undefined"; undefined where they do not. */
export function firstDifference(left: unknown, right: unknown, path = ""): string | undefined {
  if (typeof left === "number" && typeof right === "number" && Math.abs(left - right) <= relativeTolerance * Math.abs(left)) return undefined;
  if (typeof left === "object" && typeof right === "object" && left !== null && right !== null) {
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const found = firstDifference((left as Record<string, unknown>)[key], (right as Record<string, unknown>)[key], path === "" ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return Object.is(left, right) ? undefined : `${path} is ${JSON.stringify(left)}, not ${JSON.stringify(right)}`;
}
