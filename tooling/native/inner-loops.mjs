// Finds the inner loops of a built addon that do vector arithmetic, and how often each goes to the stack:
//   node tooling/native/inner-loops.mjs packages/cpu/build/Release/elastic_attention_cpu.node multiply_panel
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";

const arithmetic = /^v?(fn?m(add|sub)\w*|mulps|addps|dpbf16ps|pdpbusds?|pmaddubsw|pmaddwd)$/;
/** Whole vectors only: a single float or an address that waits on the stack costs next to nothing. */
const vectorMove = /^v?(mov[au]p[sd]|movdq[au]\d*|fn?m(add|sub)\w*|mulps|addps|subps|dpbf16ps|pand\w*|pdpbusds?|broadcast\w*)$/;

/** Finds operands on the stack; without a frame pointer, %rbp is a register like any other. */
function stackPattern(instructions) {
  const framed = instructions.some(({ name, operands }) => name === "mov" && operands === "%rsp,%rbp");
  return framed ? /\(%r[sb]p[,)]/ : /\(%rsp[,)]/;
}

/** Instructions of every function of a disassembly by objdump: address, name, operands. */
function functionsOf(disassembly) {
  const functions = [];
  for (const line of disassembly.split("\n")) {
    const start = /^[0-9a-f]+ <(.*)>:$/.exec(line);
    if (start !== null) functions.push({ name: start[1], instructions: [] });
    // Some names stand behind the encoding that was chosen for them: {vex} vpdpbusd.
    const instruction = /^\s+([0-9a-f]+):\s+(?:\{\w+\}\s+)?(\S+)\s*(.*)$/.exec(line);
    if (instruction !== null) {
      functions.at(-1)?.instructions.push({ address: Number.parseInt(instruction[1], 16), name: instruction[2], operands: instruction[3] });
    }
  }
  return functions;
}

/** The instructions of each loop that holds no other loop: from the target of a backward jump to the jump. */
function innerLoopsOf(instructions) {
  const indices = new Map(instructions.map(({ address }, index) => [address, index]));
  const loops = [];
  for (const [end, { name, operands }] of instructions.entries()) {
    const start = name.startsWith("j") ? indices.get(Number.parseInt(operands, 16)) : undefined;
    if (start !== undefined && start <= end) loops.push({ start, end });
  }
  const inner = loops.filter((loop) => !loops.some((other) => other !== loop && other.start >= loop.start && other.end <= loop.end));
  return inner.map(({ start, end }) => instructions.slice(start, end + 1));
}

/**
 * Inner loops with vector arithmetic: the function, how many instructions, how many of them compute, and how many read or write a
 * whole vector on the stack.
 */
export function vectorLoops(disassembly) {
  return functionsOf(disassembly).flatMap(({ name, instructions }) => {
    const stack = stackPattern(instructions);
    return innerLoopsOf(instructions)
      .map((loop) => ({
        function: name,
        instructions: loop.length,
        arithmetic: loop.filter((each) => arithmetic.test(each.name)).length,
        stackAccesses: loop.filter((each) => stack.test(each.operands) && vectorMove.test(each.name)).length,
      }))
      .filter((loop) => loop.arithmetic >= 2);
  });
}

/** The disassembly of a file, or undefined where there is no objdump that reads it. */
export function disassemble(file) {
  const run = spawnSync("objdump", ["-d", "--no-show-raw-insn", "-C", file], { encoding: "utf8", maxBuffer: 2 ** 29 });
  return run.status === 0 ? run.stdout : undefined;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [file, part = ""] = process.argv.slice(2);
  const disassembly = file === undefined ? undefined : disassemble(file);
  if (disassembly === undefined) throw new Error("usage: node inner-loops.mjs ADDON [PART-OF-A-FUNCTION'S-NAME]; needs objdump (binutils)");
  console.table(vectorLoops(disassembly).filter((loop) => loop.function.includes(part)).map((loop) => ({ ...loop, function: loop.function.slice(0, 70) })));
}
