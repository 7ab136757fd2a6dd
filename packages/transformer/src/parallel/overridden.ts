/** Members that stand before those of an object. */
export type Overrides<Target> = { readonly [Key in keyof Target]?: Target[Key] };

/**
 * An object that answers with `overrides` where there are some and is `target` in everything else: its methods run on the target
 * itself, private state and all.
 */
export function overridden<Target extends object>(target: Target, overrides: Overrides<Target>, ignored: readonly (keyof Target)[] = []): Target {
  return new Proxy(target, {
    get(_, key) {
      if (Object.hasOwn(overrides, key)) return overrides[key as keyof Target];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set(_, key, value) {
      return ignored.includes(key as keyof Target) || Reflect.set(target, key, value, target);
    },
  });
}
