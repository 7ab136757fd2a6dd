import { expect, test } from "vitest";
import { disassemble, vectorLoops } from "@elastic-attention/native-build/inner-loops.mjs";
import { addonPath } from "../../src/index.js";

/** Functions in which a prompt and an answer spend their time; the addon holds each once a level. */
const kernels = ["multiply_panel_f32", "panel_rows_f32", "panel_rows_bf16", "multiply_panels_bf16", "multiply_panel_dot", "score_", "mix_typed", "mix_rows", "softmax_step", "multiply_format", "multiply_rows", "round_typed"];

test("no inner loop of products and attention keeps vectors on the stack, at any level", (context) => {
  if (process.arch !== "x64") context.skip("knows the instructions of x86-64 only");
  const path = addonPath();
  if (path === undefined) context.skip("the addon is not built");
  const disassembly = disassemble(path!);
  if (disassembly === undefined) context.skip("there is no objdump");
  const loops = vectorLoops(disassembly!).filter((loop) => kernels.some((kernel) => loop.function.includes(kernel)));
  // Sums of 6 rows by 2 vectors (AVX2) and of 12 by 2 (AVX-512): the loops that were looked for are there.
  for (const additions of [12, 24]) {
    expect(loops.some((loop) => loop.function.includes("panel_rows_f32") && loop.arithmetic === additions)).toBe(true);
  }
  expect(loops.filter((loop) => loop.stackAccesses > 0)).toEqual([]);
});

test("a loop that keeps a sum on the stack is found", () => {
  const loop = (middle: string, frame: string) => `000000000000000d <multiply>:
   d:\tmov    ${frame}
  10:\tvfmadd231ps %ymm0,%ymm1,%ymm2
  15:\t${middle}
  1a:\tvfmadd231ps %ymm0,%ymm1,%ymm3
  1f:\tjne    10 <multiply>
`;
  const accesses = (middle: string, frame = "%rsp,%rbp") => vectorLoops(loop(middle, frame)).map((each) => each.stackAccesses);
  expect(accesses("vmovaps 0x40(%rsp),%ymm4")).toEqual([1]);
  expect(accesses("vmovups %zmm4,-0x40(%rbp)")).toEqual([1]);
  expect(accesses("vmovups %zmm4,-0x40(%rbp)", "%rdi,%rbp")).toEqual([0]);
  expect(accesses("mov    0x8(%rsp),%rax")).toEqual([0]);
  expect(accesses("vmovaps 0x40(%rsi),%ymm4")).toEqual([0]);
});
