"""Questions of our own with TREC's six coarse types, for few-shot scores: training has seen every question of TREC's list."""

HELD_OUT_QUESTIONS = {
    "DESC": """How does a hydraulic lift work?
Why do cats purr when they are stroked?
What does the phrase "to break the ice" mean?
How do you remove candle wax from a tablecloth?
What is the difference between a moat and a ditch?
Why is the sea salty?
How was the first paper made?
What is a haiku made of?""",
    "ENTY": """What instrument did Paganini play?
Which animal sleeps standing up?
What colour is a robin's egg?
What metal is used in thermometers?
What kind of tree bears acorns?
What language do most people in Angola speak?
Which vitamin is found in carrots?
What disease is carried by the tsetse fly?""",
    "ABBR": """What does UNICEF stand for?
What is the abbreviation for kilometre?
What does the acronym SONAR mean?
What does HTML stand for?
What is the full form of DVD?
What does the abbreviation a.m. mean?
What do the letters YMCA stand for?
What is NATO short for?""",
    "HUM": """Who composed the opera Fidelio?
Which painter cut off part of his own ear?
Who was the first woman to fly across the Channel?
What company built the Concorde?
Who wrote The Jungle Book?
Which team won the first football world cup?
Who is the patron saint of sailors?
Name the king who signed the Magna Carta.""",
    "LOC": """Where is the Atacama desert?
What country has the longest coastline?
In which city is the Prado museum?
What river flows through Cologne?
Where were the first modern Olympic games held?
What is the highest mountain in Wales?
Which island did Napoleon die on?
What is the capital of Mongolia?""",
    "NUM": """How many strings does a viola have?
When did the Titanic sink?
How far is Mercury from the sun?
What year was the printing press invented?
How tall is the Lighthouse of Eddystone?
What is the boiling point of alcohol?
How long does an elephant carry its young?
How much does a blue whale weigh?""",
}


def held_out_questions():
    """[label, question] pairs, as in the training list."""
    return [[label, question] for label, text in HELD_OUT_QUESTIONS.items() for question in text.split("\n")]
