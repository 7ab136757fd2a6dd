import { Converter, ReflectionKind } from "typedoc";

/** Names each entry point after its package: `packages/tensor/src/index.ts` is "tensor". */
export function load({ converter }) {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getChildrenByKind(ReflectionKind.Module)) module.name = module.name.replace(/\/src$/, "");
  });
}
