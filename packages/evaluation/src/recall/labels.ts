import type { WordLists } from "../texts/word-lists.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";

/** Kinds of things that a small model knows, and words of each. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  animal: words("dog cat horse cow sheep pig goat rabbit fox wolf bear lion tiger deer mouse rat duck goose hen owl eagle crow frog snake turtle whale dolphin shark salmon bee ant spider monkey elephant camel donkey zebra otter badger hedgehog"),
  food: words("bread cheese butter soup rice pasta pie cake cookie honey jam salad steak sausage bacon omelet pancake porridge pudding noodles pizza sandwich burger yogurt chocolate toast stew curry dumpling muffin"),
  color: words("red blue green yellow purple orange white black grey brown pink silver gold crimson violet amber turquoise scarlet indigo maroon beige teal lavender ivory"),
  country: words("France Spain Italy Germany Poland Norway Sweden Finland Denmark Greece Turkey Egypt Kenya Nigeria India China Japan Korea Vietnam Thailand Brazil Chile Peru Mexico Canada Cuba Portugal Ireland Austria Hungary"),
  instrument: words("violin cello flute piano trumpet harp drum clarinet guitar oboe organ banjo viola horn trombone saxophone tuba accordion mandolin harmonica bassoon lute fiddle xylophone"),
  profession: words("baker carpenter painter doctor lawyer sailor farmer teacher printer tailor nurse engineer gardener mason musician pharmacist surgeon librarian butcher plumber pilot chef dentist judge"),
};

/**
 * Words and their kinds as examples, then a word of which no example speaks. Every other prompt has other names for the kinds, drawn
 * from the word list, which only the examples explain.
 *
 * @throws SampleError
 */
export function labelDraft(name: string, { nouns }: WordLists, request: DraftRequest): Draft {
  const { counter, random, room, index } = request;
  const names = Object.keys(kinds);
  const labels = index % 2 === 0 ? names : random.sample(nouns, names.length);
  const line = (word: string, kind: number) => `Word: ${word}\nKind: ${labels[kind]!}\n\n`;
  const asked = random.integer(names.length);
  const query = random.pick(kinds[names[asked]!]!);
  const question = `Word: ${query}`;
  const answerPrefix = " Kind:";
  const fixed = counter.measure(question, "x\n\n") + counter.measure(answerPrefix);
  requireRoom(name, fixed + 100, request);
  const examples: string[] = [];
  let tokens = fixed;
  for (;;) {
    const kind = random.integer(names.length);
    const word = random.pick(kinds[names[kind]!]!);
    if (word === query) continue;
    const example = line(word, kind);
    const cost = counter.count(example, "x\n\n");
    if (tokens + cost > room) break;
    examples.push(example);
    tokens += cost;
  }
  return { prompt: examples.join("") + question, answerPrefix, references: [` ${labels[asked]!}`], tokens, metadata: { labels: index % 2 === 0 ? "natural" : "drawn" } };
}

function words(list: string): readonly string[] {
  return list.split(" ");
}
