"""Making preference pairs at the first fault.

The variant's own right steps up to the fault are kept; full precision continues from exactly that
prefix, and if it reaches the reference answer its continuation is `chosen` and the variant's is
`rejected`. Where it does not, it is tried again behind the judge's corrected step. Both sides run to
the end of the solution, so that an end token behind them is right.
"""

from collections.abc import Callable, Iterator, Sequence

from ..annotate.engines.engine import Engine, Prompt, Sampling
from ..annotate.steps import prefix_before
from ..datasets.gates import Judged, Reaches, template_of
from ..datasets.records import Continuation, ErrorType, Finish, Pair


def make_pairs(
    located: Sequence[Judged],
    engine: Engine,
    render: Callable[[str, str], str],
    reaches: Reaches,
    sampling: Sampling,
) -> Iterator[Pair]:
    """Yield a pair for every located fault from which full precision still gets to the answer.

    Args:
        located: Wrong solutions of one variant with `faulty` verdicts.
        engine: The full-precision model.
        render: Makes the prompt text of (question, prefix), chat template included.
        reaches: Grades a full solution text.
        sampling: Length and seed of continuations; they are greedy.
    """
    greedy = sampling.model_copy(update={"temperature": 0.0, "samples": 1})
    prefixes = {
        one.solution.id: prefix_before(one.solution.text, one.solution.steps, one.verdict.first_fault)
        for one in located
        if one.verdict.first_fault is not None
    }
    first = [one for one in located if one.solution.id in prefixes]
    continued = _continue(first, prefixes, engine, greedy)
    missed: list[Judged] = []
    for one in first:
        prefix, text = prefixes[one.solution.id], continued.get(one.solution.id)
        if text is not None and reaches(one.problem, prefix + text):
            yield _pair(one, prefix, text, render, Continuation.FULL_PRECISION)
        elif one.verdict.corrected_step and one.verdict.error_type is not ErrorType.DEGENERATE:
            missed.append(one)
    longer = {one.solution.id: f"{prefixes[one.solution.id]}{one.verdict.corrected_step}\n" for one in missed}
    continued = _continue(missed, longer, engine, greedy)
    for one in missed:
        prefix, text = prefixes[one.solution.id], continued.get(one.solution.id)
        if text is not None and reaches(one.problem, longer[one.solution.id] + text):
            chosen = longer[one.solution.id][len(prefix) :] + text
            yield _pair(one, prefix, chosen, render, Continuation.CORRECTION)


def _continue(
    located: Sequence[Judged], prefixes: dict[str, str], engine: Engine, sampling: Sampling
) -> dict[str, str]:
    prompts = [Prompt(one.solution.id, one.problem.question, prefixes[one.solution.id]) for one in located]
    return {
        completion.key: completion.text
        for completion in engine.generate(prompts, sampling)
        if completion.finish is Finish.STOP
    }


def _pair(
    one: Judged, prefix: str, chosen: str, render: Callable[[str, str], str], source: Continuation
) -> Pair:
    solution, verdict = one.solution, one.verdict
    assert verdict.first_fault is not None
    return Pair(
        prompt=render(one.problem.question, prefix),
        chosen=chosen,
        rejected=solution.text[len(prefix) :].rstrip(),
        prefix=prefix,
        problem_id=one.problem.id,
        solution_id=solution.id,
        model=solution.model,
        step=verdict.first_fault,
        steps=len(solution.steps),
        error_type=verdict.error_type,
        subtype=verdict.subtype,
        chosen_from=source,
        finish=solution.finish,
        level=one.problem.level,
        template=template_of(one.problem),
    )
