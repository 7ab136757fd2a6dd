// An evaluation suite as a user would bring it.
import { registerSuite } from "@elastic-attention/evaluation";

function aggregate(records) {
  const score = records.reduce((sum, record) => sum + record.score, 0) / records.length;
  const group = { name: "greet", category: "Greeting", score, samples: records.length, lengthBucket: "short" };
  const lengths = [{ ...group, name: "short" }];
  return { average: score, samples: records.length, tasks: [group], categories: [group], lengths, taskLengths: [group], groups: {} };
}

const task = {
  kind: "generate",
  name: "greet",
  category: "Greeting",
  samples: () => [
    { id: "greet/0", task: "greet", category: "Greeting", lengthBucket: "short", prompt: "Hello", maxNewTokens: 2, references: ["Hello"], metadata: {} },
  ],
  score: () => 1,
};

export default async function register() {
  registerSuite({ name: "greetings", description: "Says hello.", scoreUnit: "share", taskNames: ["greet"], presets: {}, tasks: async () => [task], aggregate });
}
