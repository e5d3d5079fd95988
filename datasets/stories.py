"""The language of abacus: scenes, and the sentences that tell each move of a story.

Everything is in the past tense, which spares agreement between holders and verbs. Placeholders:
`{h}` the holder, `{q}` another holder, `{i}` the items, `{c}` containers, `{b}` one container, `{n}` and
`{m}` numbers, `{w}` a multiplier in words, `{f}` a percentage or fraction in words.
"""

from typing import NamedTuple


class Scene(NamedTuple):
    """A place with its people, things and verbs."""

    holders: tuple[str, ...]
    items: tuple[str, ...]
    containers: tuple[tuple[str, str], ...]
    """(one, many)"""
    gain: tuple[str, ...]
    lose: tuple[str, ...]
    part: tuple[str, ...]
    """Sentences in which a share `{f}` of the items goes."""


PEOPLE = (
    "Mia", "Tom", "Anna", "Ben", "Clara", "David", "Ella", "Frank", "Grace", "Hugo", "Ivy", "Jack",
    "Kate", "Leo", "Maya", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tara", "Victor", "Wendy", "Zoe",
)  # fmt: skip

SCENES: dict[str, Scene] = {
    "home": Scene(
        PEOPLE,
        (
            "apples",
            "marbles",
            "stickers",
            "cards",
            "shells",
            "beads",
            "stamps",
            "balloons",
            "pencils",
            "buttons",
        ),
        (("bag", "bags"), ("box", "boxes"), ("jar", "jars"), ("basket", "baskets")),
        (
            "Then {h} bought {n} more {i}.",
            "After that, {h} got {n} more {i} as a gift.",
            "{h} found another {n} {i} at home.",
            "A friend gave {h} {n} {i}.",
        ),
        (
            "{h} gave {n} {i} to a friend.",
            "Then {h} lost {n} {i}.",
            "{h} gave away {n} of the {i}.",
            "After that, {n} of the {i} were sold.",
        ),
        ("{h} gave away {f} of the {i}.", "Then {h} lost {f} of the {i}.", "Then {h} sold {f} of the {i}."),
    ),
    "bakery": Scene(
        ("the old bakery", "the new bakery", "the corner bakery", "the town bakery"),
        ("rolls", "muffins", "cookies", "pies", "loaves", "cakes"),
        (("tray", "trays"), ("box", "boxes"), ("bag", "bags")),
        (
            "Then {h} baked {n} more {i}.",
            "Later, another {n} {i} came out of the oven at {h}.",
            "{h} made {n} extra {i}.",
        ),
        (
            "{h} sold {n} {i} in the morning.",
            "By noon, {n} of the {i} were sold.",
            "{n} {i} were burnt and thrown away.",
            "{h} gave {n} {i} to a school.",
        ),
        (
            "{h} sold {f} of the {i}.",
            "By noon, {f} of the {i} were sold.",
            "{h} gave {f} of the {i} to a school.",
        ),
    ),
    "farm": Scene(
        ("the hill farm", "the river farm", "the green farm", "the small farm"),
        ("eggs", "pumpkins", "melons", "potatoes", "carrots", "pears"),
        (("crate", "crates"), ("basket", "baskets"), ("sack", "sacks")),
        (
            "The next day, {h} collected {n} more {i}.",
            "Then {n} more {i} were brought in at {h}.",
            "{h} gathered another {n} {i}.",
        ),
        (
            "{h} sold {n} {i} at the market.",
            "Then {n} of the {i} went bad.",
            "{h} sent {n} {i} to the kitchen.",
        ),
        (
            "{h} sold {f} of the {i} at the market.",
            "Then {f} of the {i} went bad.",
            "{f} of the {i} were eaten.",
        ),
    ),
    "library": Scene(
        ("the city library", "the school library", "the village library", "the park library"),
        ("books", "magazines", "maps", "films", "comics"),
        (("shelf", "shelves"), ("box", "boxes"), ("cart", "carts")),
        (
            "Then {h} bought {n} more {i}.",
            "Later, {n} {i} were returned to {h}.",
            "{h} received {n} {i} as a gift.",
        ),
        (
            "{h} lent out {n} {i}.",
            "Then {n} of the {i} were too old and were removed.",
            "{h} gave {n} {i} to a hospital.",
        ),
        ("{h} lent out {f} of the {i}.", "Readers took home {f} of the {i}.", "{h} removed {f} of the {i}."),
    ),
    "garden": Scene(
        PEOPLE,
        ("roses", "tulips", "lilies", "daisies", "plants", "flowers"),
        (("row", "rows"), ("pot", "pots"), ("bed", "beds")),
        (
            "In spring, {h} planted {n} more {i}.",
            "Then {h} added {n} {i} to the garden.",
            "Another {n} {i} were planted by {h}.",
        ),
        (
            "{h} cut {n} of the {i}.",
            "A storm broke {n} {i}.",
            "{h} gave {n} {i} to a neighbor.",
        ),
        (
            "A storm broke {f} of the {i}.",
            "{h} cut {f} of the {i}.",
            "{h} gave {f} of the {i} to a neighbor.",
        ),
    ),
    "factory": Scene(
        ("the toy factory", "the lamp factory", "the night shift", "the day shift"),
        ("toys", "lamps", "chairs", "clocks", "radios", "bikes"),
        (("crate", "crates"), ("truck", "trucks"), ("box", "boxes")),
        (
            "Then {h} made {n} more {i}.",
            "On the next day, {n} more {i} were finished by {h}.",
            "{h} built another {n} {i}.",
        ),
        (
            "{h} shipped {n} {i} to a store.",
            "A check found that {n} of the {i} were broken, and they were removed.",
            "{n} {i} were sold.",
        ),
        (
            "{h} shipped {f} of the {i}.",
            "{f} of the {i} were broken and removed.",
            "A store bought {f} of the {i}.",
        ),
    ),
}

MONEY = Scene(
    PEOPLE,
    ("dollars",),
    (("envelope", "envelopes"), ("jar", "jars")),
    ("Then {h} earned {n} more dollars.", "{h} got another {n} dollars from a friend.", "{h} found $@{n}."),
    (
        "{h} spent {n} dollars on repairs.",
        "Then {h} paid {n} dollars for a ticket.",
        "{h} gave $@{n} to a friend.",
    ),
    (
        "{h} spent {f} of the money.",
        "{h} gave away {f} of the money.",
        "Then {h} put {f} of the money in a bank.",
    ),
)
"""Where a story goes when items are sold. `$@` joins the sign to its number."""

OPENINGS: dict[str, tuple[str, ...]] = {
    "plain": ("{h} had {n} {i}.", "At first, {h} had {n} {i}.", "There were {n} {i} that belonged to {h}."),
    "groups": (
        "{h} had {n} {c} with {m} {i} in each.",
        "{h} had {n} {c}, and each {b} held {m} {i}.",
        "There were {m} {i} in each of the {n} {c} of {h}.",
    ),
    "sum": (
        "{h} got {n} {i} on Monday and {m} {i} on Tuesday.",
        "{h} had {n} small {i} and {m} large {i}.",
        "On one day {h} got {n} {i}, and on the next day {m} {i}.",
    ),
    "rate": (
        "{h} got {m} {i} every day for {n} days.",
        "For {n} days, {h} got {m} {i} a day.",
    ),
}

GROUP_GAIN = (
    "Then {h} got {n} {c} with {m} {i} in each.",
    "After that, {n} more {c} of {m} {i} each came to {h}.",
)
TIMES = (
    "A week later, {h} had {w} as many {i}.",
    "Soon the number of {i} that {h} had became {w} as large.",
)
KEEP = ("Later, {h} kept only {f} of the {i}.", "Only {f} of the {i} stayed with {h}.")
MORE = ("{q} had {n} more {i} than {h}.", "Compared with {h}, {q} had {n} more {i}.")
FEWER = ("{q} had {n} fewer {i} than {h}.", "Compared with {h}, {q} had {n} fewer {i}.")
MANY = ("{q} had {w} as many {i} as {h}.", "Compared with {h}, {q} had {w} as many {i}.")
JOIN = ("{h} and {q} put all their {i} together.", "Then {h} and {q} joined their {i}.")
SPLIT = (
    "{h} put the {i} equally into {n} {c}.",
    "All the {i} of {h} were packed into {n} {c}, the same number in each.",
    "{h} divided the {i} equally between {n} {c}.",
)
TAKE = ("{q} took {n} of the {c}.", "Then {n} of these {c} went to {q}.")
SELL = (
    "{h} sold all the {i} for {n} dollars each.",
    "All the {i} of {h} were sold at $@{n} each.",
    "A buyer paid {h} {n} dollars for each of the {i}.",
)

DISTRACTORS = (
    "{p} was {n} years old.",
    "The nearest shop was {n} miles away.",
    "There were also {n} {j} on a table.",
    "It rained for {n} days that month.",
    "A bus ticket cost {n} dollars.",
    "{n} people lived in the same street.",
    "{p} had {n} {j}, too.",
    "The trip took {n} minutes.",
)
OTHER_THINGS = ("spoons", "hats", "keys", "cups", "candles", "ropes")

ASK: dict[str, tuple[str, ...]] = {
    "have": (
        "How many {i} did {h} have in the end?",
        "How many {i} did {h} end up with?",
        "Find how many {i} {h} had at the end.",
    ),
    "money": (
        "How many dollars did {h} have in the end?",
        "How much money did {h} have at the end?",
    ),
    "each": ("How many {i} were in each {b}?", "How many {i} did each {b} hold?"),
    "together": ("How many {i} did {h} and {q} have together?", "How many {i} did both of them have in all?"),
    "more": ("How many more {i} did {h} have than {q}?", "By how many {i} did {h} have more than {q}?"),
}

TIMES_WORDS = {
    2: ("twice", "two times", "2 times"),
    3: ("three times", "3 times"),
    4: ("four times", "4 times"),
    5: ("five times", "5 times"),
    6: ("six times", "6 times"),
}
SHARE_WORDS = {
    "1/2": ("half", "1/2"),
    "1/3": ("one third", "a third", "1/3"),
    "2/3": ("two thirds", "2/3"),
    "1/4": ("one quarter", "a quarter", "1/4"),
    "3/4": ("three quarters", "3/4"),
    "1/5": ("one fifth", "1/5"),
    "2/5": ("two fifths", "2/5"),
    "10%": ("10%", "10 percent"),
    "20%": ("20%", "20 percent"),
    "25%": ("25%", "25 percent"),
    "40%": ("40%", "40 percent"),
    "50%": ("50%", "50 percent"),
    "60%": ("60%", "60 percent"),
    "75%": ("75%", "75 percent"),
}
