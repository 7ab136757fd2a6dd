// In a process of its own, whose threads are nobody else's: what the second busiest thread uses of the processor, in ticks, under
// a backend of four threads, one of one, and the first again. Uses the built package.
import { readdirSync, readFileSync } from "node:fs";
import { createCpuBackend } from "@elastic-attention/cpu";
import { linear, packLinear } from "@elastic-attention/tensor";

/** Processor time, in ticks, that each thread has used. */
function threadTicks() {
  const tasks = "/proc/self/task";
  return new Map(
    readdirSync(tasks).map((task) => {
      const fields = readFileSync(`${tasks}/${task}/stat`, "utf8").split(") ")[1].split(" ");
      return [task, Number(fields[11]) + Number(fields[12])];
    }),
  );
}

/** Works until the second busiest thread has used so much, or for so long. */
function second(backend, ticks, milliseconds) {
  const ones = (rows) => backend.upload(new Float32Array(rows * 512).fill(1), [rows, 512], "f32");
  const [input, matrix, output] = [ones(256), ones(512), ones(256)];
  const weight = backend.kernels.run(packLinear, { weights: [matrix], dtype: "f32" });
  const before = threadTicks();
  const used = () => [...threadTicks()].map(([task, now]) => now - (before.get(task) ?? 0)).sort((a, b) => b - a)[1];
  const end = performance.now() + milliseconds;
  do backend.kernels.run(linear, { input, weight, output });
  while (performance.now() < end && used() < ticks);
  return used();
}

const many = createCpuBackend({ threads: 4 });
const one = createCpuBackend({ threads: 1 });
console.log(JSON.stringify([second(many, 10, 20_000), second(one, 10, 700), second(many, 10, 20_000)]));
process.exit(0);
