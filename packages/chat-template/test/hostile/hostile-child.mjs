// Renders every hostile template of the file that is named, with the built package, in a process of little memory.
import { readFileSync } from "node:fs";
import { ChatTemplate, TemplateError } from "../../dist/index.js";

const templates = JSON.parse(readFileSync(0, "utf8"));
const wrong = [];
// Not maxRSS of resourceUsage, which counts what the process had before it became this program.
const megabytes = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0) / 1024;
const before = megabytes();
for (const [name, source] of Object.entries(templates)) {
  try {
    new ChatTemplate(source).render([{ role: "user", content: "Hello" }]);
    wrong.push(`${name}: rendered`);
  } catch (error) {
    if (!TemplateError.isInstance(error)) wrong.push(`${name}: ${String(error)}`);
  }
}
console.log(JSON.stringify({ wrong, grown: megabytes() - before }));
