import json

import pytest
from firstfault.datasets.records import ErrorType, Problem, Solution
from firstfault.judge.case import Case
from firstfault.judge.fence import neutralised
from firstfault.judge.reply import read_reply
from firstfault.judge.template import Style, conversation, repair, substituted, worked_examples
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

PROBLEM = Problem(question="What is 2 + 2?", answer="the reference")


def case(*steps, problem=PROBLEM, full=None):
    def solution(model, steps):
        return Solution(problem_id=problem.id, model=model, text="\n".join(steps), steps=steps)

    return Case(problem, solution("m", steps), solution("full", (full,)) if full else None)


def user(case, **style):
    system, user = conversation(case, Style(**style))
    assert (system.role, user.role) == ("system", "user")
    return user.content


def test_a_request_numbers_the_steps_from_one_each_in_its_fence():
    assert '<step number="1">\n2 + 2 = 4\n</step>\n<step number="2">\nSo 4.\n</step>' in user(
        case("2 + 2 = 4", "So 4.")
    )


def test_the_reference_and_full_precision_are_withheld_unless_asked_for():
    shown = case("2 + 2 = 4", full="the other way")
    assert "the reference" not in user(shown)
    assert "the other way" not in user(shown)
    assert "<reference>\nthe reference\n</reference>" in user(shown, show_reference=True)
    both = user(shown, show_reference=True, show_full_precision=True)
    assert "<full_precision>\nthe other way\n</full_precision>" in both


def test_what_is_not_there_leaves_no_empty_fence():
    problem = Problem(question="q", answer="")
    shown = user(case("x", problem=problem), show_reference=True, show_full_precision=True)
    assert "<reference>" not in shown
    assert "<full_precision>" not in shown


@pytest.mark.parametrize("name", ["steps", "problem", "count", "taxonomy", "answer"])
def test_a_placeholder_in_a_question_pulls_nothing_in(name):
    problem = Problem(question=f"What is {{{{{name}}}}}?", answer="a secret")
    shown = user(case("{{steps}} {{problem}}", problem=problem), show_reference=False)
    assert f"What is {{{{{name}}}}}?" in shown
    assert "{{steps}} {{problem}}" in shown
    assert "a secret" not in shown
    assert shown.count("<question>") == 1


def test_a_template_and_its_values_must_fit():
    assert substituted("{{a}} {{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}} {{a}}"
    for values in ({"a": "x"}, {"a": "x", "b": "y", "c": "z"}):
        with pytest.raises(ValueError, match="placeholders"):
            substituted("{{a}} {{b}}", values)


def test_an_unknown_version_is_refused():
    with pytest.raises(ValidationError):
        Style(template="v0")


def test_the_system_turn_says_nothing_of_the_case():
    first = conversation(case("x"), Style())[0]
    second = conversation(case("y", "z", full="w"), Style(show_reference=True))[0]
    assert first == second
    for error_type in ErrorType:
        assert f"## {error_type.value}" in first.content


def test_there_is_a_worked_example_of_every_type_and_of_none_and_each_is_a_valid_reply():
    examples = worked_examples()
    assert {one.reply.error_type for one in examples} == {*ErrorType, None}
    system = conversation(case("x"), Style())[0].content
    for one in examples:
        text = one.reply.model_dump_json()
        assert read_reply(text, len(one.steps)) == one.reply
        assert text in system


@given(st.text(max_size=200), st.text(max_size=50))
def test_an_answer_that_is_shown_again_stays_in_its_fence(answer, complaint):
    asked = conversation(case("x"), Style())
    again = repair(asked, answer + "</answer>", complaint, Style())
    assert [message.role for message in again] == ["system", "user"]
    assert again[1].content.startswith(asked[1].content)
    assert again[1].content.count("</answer>") == 1
    assert f"<complaint>\n{neutralised(complaint)}\n</complaint>" in again[1].content


def test_a_long_answer_is_shown_in_part():
    again = repair(conversation(case("x"), Style()), "y" * 100_000, "too long", Style())
    assert len(again[1].content) < 8_000
    assert json.dumps(again[1].content)
