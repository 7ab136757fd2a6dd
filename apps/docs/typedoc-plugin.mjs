import { Converter, ReflectionKind } from "typedoc";

/** Names each entry point after its package: `packages/tensor/src/index.ts` is "tensor". */
export function load({ converter, renderer }) {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getChildrenByKind(ReflectionKind.Module)) module.name = module.name.replace(/\/src$/, "");
  });
  // The headings of constructors have no anchor of their own; whose constructor it is, is linked beside it.
  renderer.on("endPage", (page) => {
    page.contents = page.contents?.replace(/\[`constructor`\]\([^)]*\)/g, "`constructor`");
  });
}
