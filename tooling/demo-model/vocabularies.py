"""Names and things that facts, needles and variables are made of; all lists are ours or plain English words."""
FIRST_NAMES = """Ada Amos Anna Arthur Beatrice Bernard Bridget Caleb Carmen Cecil Clara Conrad Cora Daniel Delia Dinah
Edgar Edith Edwin Elena Eli Elsie Ernest Esther Ezra Fanny Felix Flora Frank Freya George Gideon Grace Greta Hannah
Harold Harriet Hector Helen Henry Hugo Ida Irene Isaac Ivan Jacob James Jane Jasper Joan Jonas Joseph Julia Karl Kate
Laura Leo Leonard Lewis Lily Louis Lucy Lydia Mabel Marcus Marta Martin Maud Miles Miriam Nathan Nell Nina Nora Oliver
Olive Oscar Otto Pauline Paul Peter Phoebe Quentin Rachel Ralph Rebecca Rosa Rufus Ruth Samuel Sarah Silas Simon Sofia
Stella Theo Thomas Tobias Ursula Vera Victor Viola Walter Wanda William Winifred""".split()
LAST_NAMES = """Abbott Alder Archer Ashby Baker Barlow Beck Bell Birch Blake Boone Brandt Brook Burke Carver Chase Clay
Cole Cooper Crane Cross Dale Darrow Dean Drake Dunn Ellis Farrow Finch Fisher Flint Ford Foster Frost Gale Gibson
Glover Graves Gray Hale Hardy Harlow Hart Hayes Hill Holt Hood Hunt Irving Kane Keane Kemp Knox Lamb Lane Lark Locke
Lowell Marsh Mason Mercer Mills Moss Nash North Oakes Page Palmer Parrish Pike Pond Porter Price Quill Rand Reed Rhodes
Ridge Rowe Sage Shaw Stone Swift Thorne Tripp Vance Vaughn Wade Ward Webb Wells West Wilde Winter Wolfe Yates York""".split()
PLACES = """Alderton Ashford Barrow Bexley Brightwater Calder Carrow Coldbrook Dunmore Eastmere Elmhurst Fairhaven
Fernhill Glenrock Greyport Halden Harrowgate Highmoor Ironbridge Kestrel Kingsley Lakeford Larkspur Linden Longmere
Marlow Millbrook Moorland Newbury Northgate Oakham Otterburn Penrose Pinehurst Quarry Redcliff Ringwood Riverton
Rockwell Saltmarsh Sandhurst Seabrook Silverton Southwick Stonehaven Summerfield Thornbury Tidewater Upton Valewood
Wellspring Westbrook Whitecliff Willowdale Windham Woodstock""".split()
COLORS = "red blue green yellow purple orange white black grey brown pink silver golden crimson violet amber".split()
ANIMALS = """dog cat horse parrot goat rabbit raven tortoise fox owl pony sheep goose ferret hedgehog donkey lizard
pigeon mouse falcon""".split()
PET_NAMES = """Biscuit Pepper Clover Shadow Ginger Juniper Maple Nutmeg Patches Domino Thistle Bramble Cricket Comet
Pumpkin Sparrow Tinker Waffles Ember Pebble Marble Acorn Button Captain Duchess Figaro""".split()
TRADES = """baker carpenter painter doctor lawyer sailor farmer teacher printer tailor miller weaver potter surgeon
librarian clockmaker fisherman engineer gardener judge mason blacksmith musician pharmacist""".split()
FOODS = """apple bread cheese honey soup pie salmon rice plums walnuts porridge figs mustard pancakes cherries lentils
pears onions cabbage trout""".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
INSTRUMENTS = "violin cello flute piano trumpet harp drum clarinet guitar oboe organ banjo viola horn".split()
OBJECTS = """key letter lantern compass map ring medal ledger diary telescope violin painting chest coin statue crown
sword vase watch clock manuscript photograph necklace""".split()
PLACES_INSIDE = """attic cellar library kitchen stable chapel garden greenhouse tower boathouse workshop pantry
courtyard wardrobe barn""".split()

# (statement, question, short answer form, value pool); {p} a person, {v} the value.
PERSON_FACTS = [
    ("{p} works as a {v}.", "What does {p} work as?", "{p} works as a {v}.", TRADES),
    ("The favourite food of {p} is {v}.", "What is the favourite food of {p}?", "The favourite food of {p} is {v}.", FOODS),
    ("{p} was born in {v}.", "Where was {p} born?", "{p} was born in {v}.", PLACES),
    ("{p} lives in the town of {v}.", "In which town does {p} live?", "{p} lives in the town of {v}.", PLACES),
    ("{p} plays the {v} every evening.", "Which instrument does {p} play?", "{p} plays the {v}.", INSTRUMENTS),
    ("The birthday of {p} is in {v}.", "In which month is the birthday of {p}?", "The birthday of {p} is in {v}.", MONTHS),
    ("{p} painted the front door {v}.", "Which color did {p} paint the front door?", "{p} painted the front door {v}.", COLORS),
    ("The pet of {p} is called {v}.", "What is the pet of {p} called?", "The pet of {p} is called {v}.", PET_NAMES),
    ("{p} arrived on a {v}.", "On which day did {p} arrive?", "{p} arrived on a {v}.", DAYS),
    ("{p} hid the {o} in the {v}.", "Where did {p} hide the {o}?", "{p} hid the {o} in the {v}.", PLACES_INSIDE),
    ("The secret password of {p} is {v}.", "What is the secret password of {p}?", "The secret password of {p} is {v}.", OBJECTS),
]
