import { ChatTemplate } from "@elastic-attention/chat-template";
import { Template as HuggingFaceTemplate } from "@huggingface/jinja";
import type { Benchmark } from "../benchmark.js";
import { alternate, timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { duration } from "../figures/statistics.js";

/** Renderings in one sample: one alone is too short for the clock. */
const renderings = 20;

const chatml =
  "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content | trim + '<|im_end|>\\n' }}{%- endfor %}" +
  "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

/** Reasoning is cut off, tool calls become JSON, tool results are grouped: what today's templates do. */
const tools = `
{%- if tools %}{{- '<|im_start|>system\\n# Tools' }}{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}{{- '<|im_end|>\\n' }}{%- endif %}
{%- set ns = namespace(last_query=0) %}
{%- for message in messages %}{%- if message.role == 'user' %}{%- set ns.last_query = loop.index0 %}{%- endif %}{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {%- set content = message.content %}
        {%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}
        {{- '<|im_start|>assistant\\n' + content }}
        {%- if message.tool_calls %}{%- for call in message.tool_calls %}
            {{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' + (call.function.arguments | tojson) + '}\\n</tool_call>' }}
        {%- endfor %}{%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}`;

const schema = { type: "function", function: { name: "find", description: "Finds it.", parameters: { type: "object", properties: { what: { type: "string" } } } } };

function conversation(length: number): Record<string, unknown>[] {
  return Array.from({ length }, (_, index) => {
    const content = `Message ${index}: ${"the white whale swam before him ".repeat(6)}`;
    if (index % 4 === 0) return { role: "user", content };
    if (index % 4 === 1) return { role: "assistant", content, tool_calls: [{ function: { name: "find", arguments: { what: "whale", count: index } } }] };
    return index % 4 === 2 ? { role: "tool", content } : { role: "assistant", content: `<think>hm</think>${content}` };
  });
}

export const benchmark: Benchmark = {
  description: "Milliseconds to render a conversation of 200 messages, against @huggingface/jinja",
  async run(options, progress) {
    const messages = conversation(options.tiny ? 8 : 200);
    const figures: Figure[] = [];
    for (const [name, source] of [["ChatML", chatml], ["tools and reasoning", tools]] as const) {
      progress(name);
      const ours = new ChatTemplate(source);
      const theirs = new HuggingFaceTemplate(source);
      const render = () => ours.render(messages, { tools: [schema], addGenerationPrompt: true });
      const renderTheirs = () => theirs.render({ messages, tools: [schema], documents: null, add_generation_prompt: true });
      if (render() !== renderTheirs()) throw new Error(`${name}: the two sides render different texts.`);
      const samples = await alternate(
        [
          { name: "ours", round: () => sample(render) },
          { name: "@huggingface/jinja", round: () => sample(renderTheirs) },
        ],
        options.rounds ?? (options.tiny ? 1 : 10),
        progress,
      );
      const summary = (side: string) => duration(side, samples.get(side)!, 0.001 * renderings);
      const mine = summary("ours");
      const target = options.tiny ? undefined : ({ bound: "at least", value: 1 } as const);
      figures.push(figure({ what: `${name}, ${messages.length} messages`, unit: "ms", ours: mine, peer: summary("@huggingface/jinja"), target, targetIsRatio: true, higherIsBetter: false }));
      figures.push(figure({ what: `${name}, the time itself`, unit: "ms", ours: mine, target: options.tiny ? undefined : { bound: "at most", value: 5 }, higherIsBetter: false }));
    }
    return { figures, notes: ["Reading the template is not included on either side."] };
  },
};

async function sample(render: () => string): Promise<number[]> {
  const work = () => {
    for (let count = 0; count < renderings; count++) render();
  };
  // The first one after the other side's turn warms up.
  work();
  return [await timed(work), await timed(work), await timed(work)];
}
