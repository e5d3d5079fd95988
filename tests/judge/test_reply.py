import json
import math
import re

import pytest
from firstfault.datasets.records import SUBTYPES, ErrorType, Subtype
from firstfault.judge.reply import Unusable, read_reply, with_backslashes
from firstfault.judge.schema import Reply, StepFinding, StepVerdict, reply_schema
from hypothesis import given
from hypothesis import strategies as st

words = st.text(st.characters(codec="utf-8"), max_size=40)


def good(**changes):
    steps = [
        {"step": 1, "reason": "fine", "verdict": "right"},
        {"step": 2, "reason": "2 + 2 is 4", "verdict": "wrong"},
    ]
    return {
        "steps": steps,
        "first_fault": 2,
        "error_type": "execution",
        "subtype": "computation",
        "rationale": "2 + 2 is 4",
        "corrected_step": "2 + 2 = 4",
        "confidence": 0.9,
        **changes,
    }


def clean(steps=3, **changes):
    findings = [{"step": n, "reason": "", "verdict": "right"} for n in range(1, steps + 1)]
    nothing = {"first_fault": None, "error_type": None, "subtype": None, "corrected_step": None}
    return good(steps=findings, **nothing, rationale="") | changes


@st.composite
def replies(draw):
    """(reply, number of steps): any reply that holds together."""
    count = draw(st.integers(1, 6))
    fault = draw(st.none() | st.integers(1, count))
    listed = count if fault is None else draw(st.integers(fault, count))
    before = st.sampled_from([StepVerdict.RIGHT, StepVerdict.UNCLEAR])

    def verdict(step):
        if fault is None or step < fault:
            return draw(before)
        return StepVerdict.WRONG if step == fault else draw(st.sampled_from(StepVerdict))

    error_type = draw(st.none() | st.sampled_from(ErrorType)) if fault else None
    reply = Reply(
        steps=tuple(
            StepFinding(step=n, reason=draw(words), verdict=verdict(n)) for n in range(1, listed + 1)
        ),
        first_fault=fault,
        error_type=error_type,
        subtype=draw(st.none() | st.sampled_from(SUBTYPES[error_type])) if error_type else None,
        rationale=draw(words),
        corrected_step=draw(st.none() | words) if fault else None,
        confidence=draw(st.floats(0, 1)),
    )
    return reply, count


@given(replies())
def test_a_valid_reply_comes_back_as_it_was_written(drawn):
    reply, count = drawn
    assert read_reply(reply.model_dump_json(), count) == reply
    assert read_reply(json.dumps(reply.model_dump(mode="json"), indent=2), count) == reply


@given(st.text() | st.text(alphabet='{}[]",:\\0123456789eE+-.nulltrfasN \n<>/think`'), st.integers(1, 5))
def test_any_text_is_a_reply_or_a_reason(text, count):
    found = read_reply(text, count)
    assert isinstance(found, Reply) or (found.reason and found.reason.isprintable())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(good())), json_values))
def test_any_values_of_the_fields_give_a_reply_that_holds_together_or_a_reason(changes):
    found = read_reply(json.dumps(good(**changes)), 3)
    if isinstance(found, Reply):
        assert (found.first_fault is None) == all(s.verdict is not StepVerdict.WRONG for s in found.steps)
    else:
        assert found.reason.isprintable()


@given(replies(), st.data())
def test_a_reply_that_is_cut_off_is_none(drawn, data):
    reply, count = drawn
    text = reply.model_dump_json()
    assert isinstance(read_reply(text[: data.draw(st.integers(0, len(text) - 1))], count), Unusable)


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "```json\n{}\n```",
        "Here is my verdict:\n\n{}\n\nI hope this helps.",
        "<think>Step 2 {{looks}} wrong: 2 + 2 = 5.</think>\n{}",
        "thoughts without a beginning: {{1}}</think>{}",
        "The set \\{{1, 2\\}} and \\frac{{1}}{{2}} aside: {}",
        "{}\n\nOnce more:\n{}",
    ],
)
def test_one_object_is_found_wherever_it_stands(wrapped):
    text = json.dumps(good())
    assert read_reply(wrapped.replace("{}", text).replace("{{", "{").replace("}}", "}"), 3) == read_reply(
        text, 3
    )
    assert isinstance(read_reply(text, 3), Reply)


def test_tags_of_thoughts_inside_a_reply_are_words():
    assert read_reply(json.dumps(good(rationale="it says </think>")), 3).rationale == "it says </think>"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty answer"),
        (" \n", "empty answer"),
        ("<think>so", "nothing but thoughts, cut off"),
        ("<think>so</think>", "empty answer"),
        ("I'm sorry, but I can't help with that.", "refused"),
        ("Step 2 is wrong.", "no JSON object"),
        ("{'first_fault': 2}", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ("null", "no JSON object"),
        ("{}", "steps: missing"),
        (json.dumps(good())[:-2], "cut off"),
        (json.dumps(good()) + json.dumps(good(first_fault=1)), "disagree"),
        (json.dumps(good()) + "{}", "disagree"),
        ('{"steps": [' + json.dumps(good()), "broken JSON"),
        (
            json.dumps(good()).replace('"first_fault": 2', '"first_fault": 2, "first_fault": 1'),
            "two different",
        ),
        (json.dumps(good()).replace("0.9", "NaN"), "NaN"),
        (json.dumps(good()).replace("0.9", "-Infinity"), "Infinity"),
        (json.dumps(good()).replace("0.9", "1e999"), "too large"),
        (json.dumps(good()).replace("0.9", "9" * 5000), "broken JSON"),
        ('{"a":' * 50_000, "too deep|characters"),
        ('{"a":' * 15_000, "too deep"),
        ('{"steps":' + "[" * 50_000, "too deep"),
        ("x" * 200_000, "characters"),
    ],
)
def test_what_is_no_single_whole_object_is_refused_with_the_reason(text, reason):
    found = read_reply(text, 3)
    assert isinstance(found, Unusable)
    assert re.search(reason, found.reason), found.reason


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (good(first_fault=9), "step 9 of a solution of 3"),
        (good(first_fault=0), "first_fault"),
        (good(first_fault=True), "first_fault"),
        (good(first_fault="2"), "first_fault"),
        (good(first_fault=2.5), "first_fault"),
        (good(first_fault=1), "not called wrong"),
        (good(first_fault=3), "not called wrong"),
        (good(first_fault=None), "step 2 is called wrong"),
        (good(error_type="arithmetic"), "error_type.*'arithmetic'"),
        (good(error_type=""), "error_type"),
        (good(error_type=None), "subtype computation without"),
        (good(subtype="formula"), "formula does not belong to execution"),
        (good(confidence=85), "confidence"),
        (good(confidence=-0.1), "confidence"),
        (good(confidence=None), "confidence"),
        (good(confidence="high"), "confidence"),
        (good(verdict="faulty"), "verdict: no such field"),
        (good(steps=[]), "not called wrong"),
        (good(steps=None), "steps"),
        (good(rationale=None), "rationale"),
        ({k: v for k, v in good().items() if k != "subtype"}, "subtype: missing"),
        (clean(error_type="method"), "method without a first_fault"),
        (clean(subtype="logic"), "logic without a first_fault"),
        (clean(corrected_step="2 + 2 = 4"), "corrected_step without"),
        (clean(first_fault=2), "not called wrong"),
        (clean(2), "only 2 of 3 steps"),
        (clean(4), "step 4 of a solution of 3"),
    ],
)
def test_a_reply_off_the_menu_or_against_itself_is_refused_with_the_reason(reply, reason):
    found = read_reply(json.dumps(reply), 3)
    assert isinstance(found, Unusable)
    assert re.search(reason, found.reason), found.reason


def test_the_first_fault_is_the_first_step_called_wrong():
    steps = [{"step": n, "reason": "", "verdict": "wrong"} for n in (1, 2)]
    assert "step 1 is called wrong before it" in read_reply(json.dumps(good(steps=steps)), 3).reason


@pytest.mark.parametrize("numbers", [(2, 1), (1, 3), (1, 1), (2,)])
def test_steps_must_be_numbered_in_order(numbers):
    steps = [{"step": n, "reason": "", "verdict": "wrong" if n == 2 else "right"} for n in numbers]
    assert isinstance(read_reply(json.dumps(good(steps=steps)), 3), Unusable)


def test_a_fault_whose_kind_is_unknown_is_a_reply():
    assert read_reply(json.dumps(good(error_type=None, subtype=None)), 3).first_fault == 2


@pytest.mark.parametrize("indent", [None, 4])
def test_json_that_stands_in_the_solution_is_no_reply(indent):
    shown = f"So the answer is 4. {json.dumps(clean(), indent=indent)} That is all."
    assert "stands in the solution" in read_reply(json.dumps(clean()), 3, shown=shown).reason
    assert isinstance(read_reply(json.dumps(clean(confidence=0.8)), 3, shown=shown), Reply)


def test_only_a_refusal_is_not_worth_asking_again():
    assert not read_reply("I cannot help with this.", 2).mendable
    assert read_reply("no", 2).mendable


def test_backslashes_that_json_swallowed_come_back():
    eaten = "\frac{1}{2} \times 3 \beta\n\tx = 1"
    assert with_backslashes(eaten) == r"\frac{1}{2} \times 3 \beta" + "\n" + r"\tx = 1"
    assert with_backslashes("a\t1\nb\r\n") == "a\t1\nb\r\n"


@given(replies())
def test_the_schema_admits_every_valid_reply(drawn):
    reply, count = drawn
    admits(reply_schema(count), reply.model_dump(mode="json"))


def test_the_schema_is_strict_and_knows_the_taxonomy():
    schema = reply_schema(4)
    json.dumps(schema, allow_nan=False)
    for part in (schema, schema["properties"]["steps"]["items"]):
        assert part["required"] == list(part["properties"])
        assert part["additionalProperties"] is False
    assert list(schema["properties"]) == list(Reply.model_fields)
    assert list(schema["properties"]["steps"]["items"]["properties"]) == list(StepFinding.model_fields)
    assert schema["properties"]["error_type"]["enum"] == [*ErrorType, None]
    assert schema["properties"]["subtype"]["enum"] == [*Subtype, None]
    assert schema["properties"]["first_fault"]["maximum"] == 4
    for text in ("rationale", "corrected_step"):
        assert schema["properties"][text]["maxLength"] > 100
    with pytest.raises(ValueError, match="at least one step"):
        reply_schema(0)


def admits(schema, value):
    """The part of JSON schema that ours uses."""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    is_kind = {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and math.isfinite(value),
        "null": value is None,
    }
    assert any(is_kind[kind] for kind in kinds), (schema, value)
    assert value in schema.get("enum", [value])
    if isinstance(value, dict):
        assert list(value) == schema["required"]
        for name, inner in value.items():
            admits(schema["properties"][name], inner)
    elif isinstance(value, list):
        assert schema["minItems"] <= len(value) <= schema["maxItems"]
        for inner in value:
            admits(schema["items"], inner)
    elif isinstance(value, str):
        assert len(value) <= schema.get("maxLength", len(value))
    elif value is not None:
        assert schema["minimum"] <= value <= schema["maximum"]
