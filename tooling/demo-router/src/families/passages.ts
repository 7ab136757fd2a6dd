import { contextTokens, type PromptFamily, sentencesOf } from "../prompt-family.js";
import { readText } from "./facts.js";

const aboutNames = ["Who is {x}?", "Who was {x}?", "What does the text say about {x}?", "What did {x} do?", "Where is {x} mentioned?"];
const aboutThings = ["What is the name of the {x}?", "What is said about the {x}?", "Where is the {x}?", "How is the {x} described?", "What happened to the {x}?"];
const thing = /(?<=\b(?:[Tt]he|[Hh]is|[Hh]er|[Mm]y|an?) )[a-z]{3,}/;

/**
 * A question as readers ask it of a book; its answer is the sentence that speaks of what is asked for. The model was not
 * trained to answer these, so no answer counts as right: they teach routers what a question looks like.
 */
const passage: PromptFamily = {
  name: "passage",
  task: "Single QA",
  weight: 10,
  openEnded: true,
  make(random, haystack, budget) {
    const context = haystack.decode(haystack.slice(random, "prose", contextTokens(budget, 110)));
    const sentence = random.choice([...sentencesOf(context).filter((each) => thing.test(each)), "So ends the story."]);
    const name = /(?<=[a-z,;] )[A-Z][a-z]{2,}/.exec(sentence)?.[0];
    const [asked, questions] = name !== undefined && random.next() < 0.5 ? [name, aboutNames] : [thing.exec(sentence)![0], aboutThings];
    const question = random.choice(questions).replace("{x}", asked);
    return { preamble: readText, context, question, answer: sentence };
  },
};

export const passageFamilies: readonly PromptFamily[] = [passage];
