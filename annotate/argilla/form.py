"""The form that a reviewer fills in: what they read, what they are asked, and what they are told about it."""

from typing import Any, NamedTuple

from ...datasets.errors import ConfigError
from ...datasets.taxonomy import TAXONOMY, Kind, guidelines
from .connection import Connection, sdk

FIRST_FAULT, ERROR_TYPE, SUBTYPE = "first_faulty_step", "error_kind", "error_subkind"
RATIONALE, CORRECTED_STEP = "rationale", "corrected_step"
"""Names of the questions. `error_type` would not do: Argilla can't filter by a name that ends so."""
NO_FAULT, UNSURE = "none", "unsure"
PROBLEM, SOLUTION, FULL_PRECISION, OPINIONS = "problem", "solution", "full_precision", "opinions"
"""Names of the fields."""
HASH = "content_hash"
"""Metadata: of all that a record shows, so that the same is not sent again."""
MOST_STEPS = 480
"""Steps that can be picked; Argilla allows 500 labels."""
_FEWEST_STEPS = 10
_MOST_VISIBLE = 26

# Argilla shows every line end: a paragraph is one line.
_INTRODUCTION = """\
# Find the first faulty step

A quantized model solved the problem and got it wrong. Which step is the first one that is wrong?

1. Read the problem and the reference answer.
2. Read the quantized model's steps from the top. A step is faulty when it is false, does not follow, or \
leads away from the answer so that it has to be taken back. Steps that only build on an earlier fault are \
not the first.
3. Pick that step. "No faulty step" if every step is right; "Cannot tell" if you can't decide.
4. Pick the kind of error. Write the step as it should be, if you can; a word on why helps others.

What is picked already is what judges found. They are sometimes wrong, and some suggestions are wrong on \
purpose: check before you accept. Full precision solved it, but there are other right ways: "they part here" \
at one of its steps comes from comparing the texts, and may be a fault or another right way.

**Submit** what you are sure of, **save as draft** what you want to come back to, **discard** what can't be \
judged at all (a broken problem, a wrong reference answer).

## Kinds of error

"""


class Form(NamedTuple):
    """A form for solutions of so many steps."""

    steps: int
    """Most steps of a solution that it will be used for."""
    has_opinions: bool = False
    """Whether it shows what other reviewers said."""

    @property
    def step_labels(self) -> dict[str, str]:
        """Answers to the first question: value and what is shown."""
        most = min(max(self.steps, _FEWEST_STEPS), MOST_STEPS)
        steps = [(str(number), f"Step {number}") for number in range(1, most + 1)]
        others = [(NO_FAULT, "No faulty step"), (UNSURE, "Cannot tell")]
        # What is always seen comes first, and a step's key is its number.
        seen = self.visible_labels - len(others)
        return dict([*steps[:seen], *others, *steps[seen:]])

    @property
    def visible_labels(self) -> int:
        """Answers to the first question that are seen at once; the others are searched, or folded out."""
        wanted = self.steps + 2
        return _FEWEST_STEPS + 2 if wanted > _MOST_VISIBLE else max(wanted, _FEWEST_STEPS + 2)

    @property
    def labels(self) -> dict[str, dict[str, str]]:
        """Labels of every question that has some."""
        return {
            FIRST_FAULT: self.step_labels,
            ERROR_TYPE: {kind.error_type.value: kind.error_type.value.capitalize() for kind in TAXONOMY},
            SUBTYPE: {
                subkind.subtype.value: subkind.subtype.value.replace("_", " ").capitalize()
                for kind in TAXONOMY
                for subkind in kind.subkinds
            },
        }

    @property
    def fields(self) -> list[str]:
        """Names of what is shown, in order."""
        return [PROBLEM, SOLUTION, FULL_PRECISION, *([OPINIONS] if self.has_opinions else [])]

    def settings(self, client: Any, min_submitted: int) -> Any:
        """Return the form as Argilla has it.

        Args:
            client: Argilla's, for which it is made.
            min_submitted: Answers that complete a record.
        """
        rg = sdk()
        titles = {
            PROBLEM: "Problem",
            SOLUTION: "Quantized model: find its first faulty step",
            FULL_PRECISION: "Full precision, for comparison",
            OPINIONS: "What other reviewers said",
        }
        hints = "; ".join(f"{kind.error_type.value}: {_lower(kind.definition)}" for kind in TAXONOMY)
        subkinds = "; ".join(f"{kind.error_type.value}: {_subkinds(kind)}" for kind in TAXONOMY)
        return rg.Settings(
            guidelines=_INTRODUCTION + guidelines(),
            fields=[
                # Markdown fields are cleaned by Argilla; plain ones run scripts.
                rg.TextField(
                    name=name,
                    title=titles[name],
                    use_markdown=True,
                    required=name in (PROBLEM, SOLUTION),
                    client=client,
                )
                for name in self.fields
            ],
            questions=[
                rg.LabelQuestion(
                    name=FIRST_FAULT,
                    title="First faulty step",
                    labels=self.step_labels,
                    visible_labels=self.visible_labels,
                    client=client,
                ),
                rg.LabelQuestion(
                    name=ERROR_TYPE,
                    title="Kind of error",
                    description=hints,
                    labels=self.labels[ERROR_TYPE],
                    required=False,
                    client=client,
                ),
                rg.TextQuestion(
                    name=CORRECTED_STEP,
                    title="The step as it should be",
                    required=False,
                    use_markdown=True,
                    client=client,
                ),
                rg.TextQuestion(
                    name=RATIONALE, title="Why it is wrong", required=False, use_markdown=True, client=client
                ),
                rg.LabelQuestion(
                    name=SUBTYPE,
                    title="More exactly, if you like",
                    description=subkinds,
                    labels=self.labels[SUBTYPE],
                    visible_labels=len(self.labels[SUBTYPE]),
                    required=False,
                    client=client,
                ),
            ],
            metadata=[
                rg.TermsMetadataProperty("model", client=client),
                rg.TermsMetadataProperty("source", client=client),
                rg.TermsMetadataProperty("run", visible_for_annotators=False, client=client),
                rg.TermsMetadataProperty("drawn", visible_for_annotators=False, client=client),
                rg.TermsMetadataProperty("judged", visible_for_annotators=False, client=client),
                rg.IntegerMetadataProperty("judged_step", visible_for_annotators=False, client=client),
                rg.FloatMetadataProperty("confidence", visible_for_annotators=False, client=client),
                rg.TermsMetadataProperty(HASH, visible_for_annotators=False, client=client),
            ],
            distribution=rg.TaskDistribution(min_submitted=min_submitted),
            allow_extra_metadata=False,
        )

    def check(self, connection: Connection, dataset_id: str, name: str) -> None:
        """Make sure that a dataset on the server has this form.

        Raises:
            ConfigError: Naming what differs.
        """
        hint = "Push to a new dataset with --name; what was answered there stays there"
        fields = connection.get(f"datasets/{dataset_id}/fields")["items"]
        questions = connection.get(f"datasets/{dataset_id}/questions")["items"]
        if sorted(one["name"] for one in fields) != sorted(self.fields):
            raise ConfigError(f"{name}: its fields are not those that are shown now", hint=hint)
        there = {one["name"]: _labels(one["settings"]) for one in questions}
        if set(there) != {*self.labels, RATIONALE, CORRECTED_STEP}:
            raise ConfigError(f"{name}: its questions are not those that are asked now", hint=hint)
        for question, labels in self.labels.items():
            differing = sorted(set(labels) ^ set(there[question]))
            if differing:
                raise ConfigError(
                    f"{name}: the labels of {question!r} have changed ({', '.join(differing[:3])})", hint=hint
                )


def _labels(settings: dict[str, Any]) -> list[str]:
    return [option["value"] for option in settings.get("options") or ()]


def _subkinds(kind: Kind) -> str:
    return ", ".join(subkind.subtype.value.replace("_", " ") for subkind in kind.subkinds)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")
