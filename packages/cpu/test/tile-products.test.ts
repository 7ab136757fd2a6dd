import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = ["test/native/tile_products.cpp", "native/amx/tile_shape.cpp", "native/blocks/levels/block_product_amx.cpp", "native/blocks/levels/block_product_avx512_vnni.cpp"];
const levels = ["f", "bw", "dq", "vl", "vnni"].map((part) => `-mavx512${part}`);

test("the tiles of int8, emulated, give the sums of AVX-512 VNNI to the bit", { timeout: 240_000 }, (context) => {
  if (process.arch !== "x64") context.skip("AMX is of x86-64");
  const folder = mkdtempSync(join(tmpdir(), "elastic-attention-tiles-"));
  try {
    const program = join(folder, "check");
    const options = ["-std=gnu++20", "-O1", "-DELASTIC_ATTENTION_EMULATE_AMX", ...levels, "-mfma", "-mf16c", "-mamx-tile", "-mamx-int8", "-mamx-bf16", "-Inative", "-I../addon/native", "-o", program];
    const built = spawnSync("g++", [...options, ...sources], { cwd: root, encoding: "utf8" });
    if (built.error !== undefined) context.skip("there is no g++");
    expect({ status: built.status, stderr: built.stderr }).toEqual({ status: 0, stderr: "" });
    const run = spawnSync(program, { encoding: "utf8" });
    if (run.status === 77 || run.signal === "SIGILL") context.skip("the processor has no AVX-512 VNNI");
    expect({ status: run.status, stdout: run.stdout }).toEqual({ status: 0, stdout: "" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
