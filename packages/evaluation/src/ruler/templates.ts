import { fillTemplate } from "../fill-template.js";

/**
 * The wording of RULER's tasks, kept to the letter, because scores depend on it: NVIDIA, "RULER: What's the Real Context
 * Size of Your Long-Context Language Models?", github.com/NVIDIA/RULER, Apache-2.0. Names in braces are filled in.
 */
export const needleSentence = "One of the special magic {values} for {key} is: {value}.";
export const noiseLine = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

/** Text before and behind the context, and how the answer begins. */
export interface Template {
  readonly before: string;
  readonly after: string;
  readonly answerPrefix: string;
}

/** For one value that is asked for. */
export const oneNeedle: Template = {
  before:
    "A special magic {values} is hidden within the following text. Make sure to memorize it. I will quiz you about the {values} afterwards.\n",
  after: "\nWhat is the special magic {values} for {query} mentioned in the provided text?",
  answerPrefix: " The special magic {values} for {query} mentioned in the provided text is",
};

/** For several. */
export const severalNeedles: Template = {
  before:
    "Some special magic {values} are hidden within the following text. Make sure to memorize it. I will quiz you about the {values} afterwards.\n",
  after: "\nWhat are all the special magic {values} for {query} mentioned in the provided text?",
  answerPrefix: " The special magic {values} for {query} mentioned in the provided text are",
};

export const variables: Template = {
  before: "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n",
  after: "\nQuestion: Find all variables that are assigned the value {query} in the text above.",
  answerPrefix:
    " Answer: According to the chain(s) of variable assignment in the text above, {count} variables are assigned the value {query}, they are: ",
};

export const commonWords: Template = {
  before:
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.\n",
  after: "\nQuestion: What are the 10 most common words in the above list?",
  answerPrefix: " Answer: The top 10 words that appear most often in the list are:",
};

export const frequentWords: Template = {
  before:
    "Read the following coded text and track the frequency of each coded word. Find the three most frequently appeared coded words. ",
  after:
    "\nQuestion: Do not provide any explanation. Please ignore the dots '....'. What are the three most frequently appeared words in the above coded text?",
  answerPrefix: " Answer: According to the coded text above, the three most frequently appeared words are:",
};

export const questionAnswering: Template = {
  before:
    "Answer the question based on the given documents. Only give me the answer and do not output any other words.\n\nThe following are given documents.\n\n",
  after:
    "\n\nAnswer the question based on the given documents. Only give me the answer and do not output any other words.\n\nQuestion: {query}",
  answerPrefix: " Answer:",
};

/** The parts of a template with values in place of the names in braces. */
export function fillParts(template: Template, values: Readonly<Record<string, string>>): Template {
  return {
    before: fillTemplate(template.before, values),
    after: fillTemplate(template.after, values),
    answerPrefix: fillTemplate(template.answerPrefix, values),
  };
}
