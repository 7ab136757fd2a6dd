// Two small suites without data, for the sources under test and for the child processes that run the build.

const words = ["whale", "harbour", "lantern", "meadow", "orchard", "violin", "compass", "anchor"];

function sentence(seed, index, length) {
  const text = [];
  for (let i = 0; text.length < length; i++) text.push(words[(seed * 7 + index * 5 + i * i * 3 + (i >> 3)) % words.length]);
  return text.join(" ");
}

function* samplesOf(name, category, { lengths = [40, 80], samplesPerTask = 4, seed = 42, tokenizer }, likelihood) {
  for (const length of lengths) {
    for (let index = 0; index < samplesPerTask; index++) {
      const text = `${sentence(seed, index, length)}. The word is`;
      yield {
        id: `${name}/${length}/${index}`,
        task: name,
        category,
        lengthBucket: String(length),
        ...(likelihood ? { tokens: tokenizer.encode(text) } : { prompt: text }),
        maxNewTokens: likelihood ? 0 : 4,
        references: ["whale"],
        metadata: { depth: index / samplesPerTask },
      };
    }
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function aggregate(records, value = (record) => record.score) {
  const group = (key) => {
    const groups = new Map();
    for (const record of records) groups.set(key(record), [...(groups.get(key(record)) ?? []), record]);
    return [...groups].map(([name, members]) => ({ name, score: mean(members.map(value)), samples: members.length, category: members[0].category, lengthBucket: members[0].lengthBucket }));
  };
  return {
    average: mean(records.map(value)),
    samples: records.length,
    tasks: group((record) => record.task),
    categories: group((record) => record.category),
    lengths: group((record) => record.lengthBucket),
    taskLengths: group((record) => `${record.task} ${record.lengthBucket}`).map((each) => ({ ...each, name: each.name.split(" ")[0] })),
    groups: {},
  };
}

function suite(name, scoreUnit, tasks) {
  return {
    name,
    description: `${name}, for tests`,
    scoreUnit,
    presets: { tiny: { description: "one of each", lengths: [40], samplesPerTask: 1 } },
    taskNames: tasks.map((task) => task.name),
    async tasks(options) {
      return tasks.filter((task) => options.tasks === undefined || options.tasks.includes(task.name));
    },
    aggregate,
  };
}

export const toySuite = suite(
  "toy",
  "share",
  [["echo", "Copying"], ["count", "Counting"]].map(([name, category]) => ({
    kind: "generate",
    name,
    category,
    samples: (options) => samplesOf(name, category, options, false),
    // Between 0 and 1, and different for different answers.
    score: (_, output) => [...output].filter((letter) => letter < "m").length / Math.max(1, output.length),
  })),
);

export const readingSuite = suite("reading", "nats", [
  {
    kind: "likelihood",
    name: "words",
    category: "Words",
    samples: (options) => samplesOf("words", "Words", options, true),
    score: (_, logProbabilities) => {
      const half = logProbabilities.length >> 1;
      const range = (start, end) => ({ start, end, tokens: end - start, score: -mean([...logProbabilities].slice(start, end)) });
      return { score: -mean([...logProbabilities]), tokens: logProbabilities.length, positions: [range(0, half), range(half, logProbabilities.length)] };
    },
  },
]);
