/** Packed packages have no sources: the condition that points to them is for this workspace alone. */
function withoutSourceCondition(target) {
  if (typeof target !== "object" || target === null) return target;
  return Object.fromEntries(
    Object.entries(target)
      .filter(([condition]) => condition !== "source")
      .map(([key, value]) => [key, withoutSourceCondition(value)]),
  );
}

export const hooks = {
  beforePacking(manifest) {
    return { ...manifest, exports: withoutSourceCondition(manifest.exports) };
  },
};
