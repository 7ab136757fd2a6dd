/** @throws Error unless the demo found its sentence */
export function expectAnswer(output) {
  const { found } = JSON.parse(output.slice(output.indexOf("{")));
  if (!found) throw new Error("The demo answered wrongly.");
}

export function seconds(begun) {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}
