"""The driver and the judge against a real vLLM server, which serves the bundled model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from firstfault.annotate.engines.by_hand import ByHandChat
from firstfault.annotate.engines.chat import Ask, Ending, Message
from firstfault.annotate.engines.driver import OpenAIChat
from firstfault.annotate.engines.endpoint import Endpoint
from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.loading import load_tokenizer
from firstfault.annotate.prompts import PromptFormat
from firstfault.datasets.abacus import generate, program_of
from firstfault.datasets.errors import ConfigError, EndpointError
from firstfault.datasets.records import Problem, Solution, Split, VerdictStatus
from firstfault.judge.case import Case
from firstfault.judge.llm import LLMJudge
from firstfault.models import BUNDLED
from vllm_server import KEY_NAME, VLLM, run_batch, vllm_python

pytestmark = pytest.mark.vllm
PROBLEMS = generate(Split.MINING, 8, seed=1, levels=(2, 3), distractors=0)


@pytest.fixture(scope="module")
def vllm() -> Path:
    try:
        return vllm_python()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def server(vllm: Path) -> Iterator[VLLM]:
    with VLLM(vllm, BUNDLED, "abacus") as running:
        yield running


def endpoint(server: VLLM, **fields: object) -> Endpoint:
    given = {"model": "abacus", "base_url": server.url, "api_key_env": KEY_NAME}
    given |= {"temperature": 0.0, "max_tokens": 300, **fields}
    return Endpoint.model_validate(given)


def question(problem: Problem, *more: Message) -> tuple[Message, ...]:
    return (Message(role="user", content=problem.question), *more)


def solution(problem: Problem) -> Solution:
    steps = program_of(problem).steps()
    return Solution(problem_id=problem.id, model="m", text="\n".join(steps), steps=tuple(steps[:-1]))


def test_answers_and_usage_are_those_of_the_model(server: VLLM):
    asks = [Ask(problem.id, question(problem)) for problem in PROBLEMS]
    answers = {answer.key: answer for answer in OpenAIChat(endpoint(server)).ask(asks)}
    tokenizer = load_tokenizer(BUNDLED)
    right = 0
    for problem in PROBLEMS:
        answer = answers[problem.id]
        assert answer.ending is Ending.STOP
        prompt = PromptFormat(system="").render(tokenizer, problem.question)
        assert answer.usage.prompt_tokens == len(tokenizer(prompt)["input_ids"])
        # The end token counts.
        assert answer.usage.completion_tokens == len(tokenizer(answer.text)["input_ids"]) + 1
        right += answer.text == "\n".join(program_of(problem).steps())
    assert right >= len(PROBLEMS) / 2


def test_a_prefix_is_continued(server: VLLM):
    chat = OpenAIChat(
        endpoint(server, extra={"continue_final_message": True, "add_generation_prompt": False})
    )
    [problem, *_] = PROBLEMS
    first, *rest = program_of(problem).steps()
    prefix = Message(role="assistant", content=f"{first}\n")
    [answer] = chat.ask([Ask("k", question(problem, prefix))])
    assert answer.text.startswith("Step 2:")
    assert len(answer.text.splitlines()) == len(rest)


def test_a_schema_holds_the_model(server: VLLM):
    schema = {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": ["clean", "faulty"]},
            "step": {"type": "integer", "minimum": 1, "maximum": 4},
        },
        "required": ["verdict", "step"],
        "additionalProperties": False,
    }
    asks = [Ask(problem.id, question(problem), schema) for problem in PROBLEMS]
    for answer in OpenAIChat(endpoint(server)).ask(asks):
        assert answer.ending is Ending.STOP, answer.reason
        said = json.loads(answer.text)
        assert said["verdict"] in ("clean", "faulty")
        assert said["step"] in (1, 2, 3, 4)
        assert set(said) == {"verdict", "step"}


def test_a_cut_off_answer_is_told_from_a_whole_one(server: VLLM):
    [answer] = OpenAIChat(endpoint(server, max_tokens=5)).ask([Ask("k", question(PROBLEMS[0]))])
    assert answer.ending is Ending.LENGTH
    assert answer.usage.completion_tokens == 5


def test_a_prompt_that_does_not_fit_has_failed_and_is_not_quoted(server: VLLM):
    long = Message(role="user", content="zebra " * 2000)
    [answer] = OpenAIChat(endpoint(server)).ask([Ask("k", (long,))])
    assert answer.ending is Ending.FAILED
    assert answer.reason is not None
    assert "maximum context length is 1024 tokens" in answer.reason
    assert "zebra" not in answer.reason


def test_a_model_that_cannot_judge_leaves_solutions_unscored(server: VLLM, tmp_path: Path):
    """The grammar holds it to the schema, and it fills the first text until its tokens end."""
    cases = [Case(problem, solution(problem)) for problem in PROBLEMS]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        verdicts = list(LLMJudge(OpenAIChat(endpoint(server), ledger=ledger)).judge(cases))
        again = list(LLMJudge(OpenAIChat(endpoint(server), ledger=ledger)).judge(cases))
    assert {verdict.solution_id for verdict in verdicts} == {case.solution.id for case in cases}
    for verdict in verdicts:
        assert verdict.status is VerdictStatus.UNSCORED
        assert verdict.reason is not None
        assert verdict.reason.startswith("the answer was cut off")
        assert verdict.usage.completion_tokens == 300
    assert {one.solution_id: one for one in again} == {one.solution_id: one for one in verdicts}


def test_an_unknown_model_ends_the_run(server: VLLM):
    with pytest.raises(EndpointError, match="gpt-none"):
        list(OpenAIChat(endpoint(server, model="gpt-none")).ask([Ask("k", question(PROBLEMS[0]))]))


def test_its_batch_runner_reads_what_we_write_and_we_read_what_it_writes(vllm: Path, tmp_path: Path):
    """By hand, through files, as `firstfault judge FILE --batch-write` and `--batch-read` do."""
    asked, written = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    address = Endpoint(model="abacus", base_url="http://127.0.0.1:1/v1", temperature=0.0, max_tokens=300)
    long = Ask("long", (Message(role="user", content="zebra " * 2000),))
    asks = [*(Ask(problem.id, question(problem)) for problem in PROBLEMS), long]
    lines: list[bytes] = []
    with Ledger(tmp_path / "l.sqlite") as ledger:
        for answer in ByHandChat(address, ledger=ledger, leave=lambda _, line: lines.append(line)).ask(asks):
            assert answer.ending is Ending.UNASKED
        asked.write_bytes(b"".join(lines))
        run_batch(vllm, asked, written, BUNDLED, "abacus")
        answers = {one.key: one for one in ByHandChat(address, ledger=ledger, results=[written]).ask(asks)}
    assert answers.pop("long").ending is not Ending.STOP
    assert set(answers) == {problem.id for problem in PROBLEMS}
    for answer in answers.values():
        assert answer.ending is Ending.STOP
        assert answer.text.startswith("Step 1:")
        assert answer.usage.completion_tokens > 0
