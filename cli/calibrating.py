"""The command that calibrates judges on labelled solutions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..datasets.errors import InputError
from .asking import agree_to_cost, read_panel
from .options import Json, Out, tell, tell_aside

if TYPE_CHECKING:
    from ..annotate.calibration_error import Bin
    from ..judge.curve import Calibration
    from ..judge.labels import LabelledCase


def calibrate(
    labelled: Annotated[
        list[Path],
        typer.Argument(help="Labelled solutions, in any format that `bench` reads.", show_default=False),
    ],
    config: Annotated[
        Path, typer.Option(help="YAML file with a `judge` part: the panel.", show_default=False)
    ],
    out: Out,
    problems: Annotated[
        Path | None, typer.Option(help="Problems of our solutions.", show_default=False)
    ] = None,
    reviews: Annotated[
        Path | None, typer.Option(help="People's reviews of our solutions.", show_default=False)
    ] = None,
    method: Annotated[
        Literal["auto", "isotonic", "platt"], typer.Option(help="Of the curves; auto goes by the number.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of the split into halves.")] = 0,
    ledger: Annotated[
        str,
        typer.Option(
            help="Where answers of endpoints are kept, unless the file says: a file or postgresql://"
        ),
    ] = "ledger.sqlite",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend what it costs without asking.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="Full-precision model of the rollout judge.", show_default=False)
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest continuation of the rollout judge.")] = 512,
    as_json: Json = False,
) -> None:
    """Find out what each judge's confidence is worth: on one half of the solutions, reported on the other."""
    from ..annotate.grading import Grader
    from ..datasets.problem_sets import load_problems
    from ..datasets.store import write_text
    from ..judge import calibrate as fitting
    from ..judge.labels import read_labelled
    from ..judge.llm import is_unasked, why_unasked
    from ..judge.members import members, panel_asked
    from ..judge.panel import PanelJudge, places
    from ..loop.progress import Reporter
    from ..loop.rollout import load_rollout
    from ..loop.watching import watched

    panel = read_panel("panel", config)
    known = load_problems(problems, say=tell_aside) if problems is not None else ()
    found: dict[str, LabelledCase] = {}
    for path in labelled:
        for item in read_labelled(path, known, reviews=reviews):
            found.setdefault(item.case.solution.id, item)
    if len(found) < 2 * fitting.ENOUGH:
        raise InputError(
            f"{labelled[0]}: {len(found)} labelled solutions are too few to calibrate on",
            hint=f"Give at least {2 * fitting.ENOUGH}; some hundred make a curve worth having.",
        )
    cases = [item.case for item in found.values()]
    fitting.require_sklearn()
    reporter = Reporter()
    with (
        Grader() as grader,
        members(panel, lambda: load_rollout(model, max_tokens, grader), ledger=ledger) as asked,
    ):
        agree_to_cost(asked, cases, panel, reporter, yes)
        with reporter.task("Judging", total=len(cases) * len(asked)) as done:
            # All judges, and their confidence as they state it.
            judges = [member.judge for member in watched(asked, reporter, done)]
            verdicts = list(PanelJudge(judges, rule=panel.rule).judge(cases))
        unasked = sum(is_unasked(verdict) for verdict in verdicts)
        if unasked:
            reporter.say(f"{unasked} solutions were not judged by all: {why_unasked(verdicts)}")
        calibration = fitting.calibrate(
            [fitting.Asked(member.judge.name, member.asked) for member in asked],
            [
                fitting.Labelled(item.truth, verdict.votes, places(item.case))
                for item, verdict in zip(found.values(), verdicts, strict=True)
            ],
            rule=panel.rule,
            panel=panel_asked(asked, panel),
            method=method,
            seed=seed,
        )
    write_text(out, calibration.model_dump_json(indent=1) + "\n")
    said = [f"{key}: not calibrated, {reason}" for key, reason in calibration.left_out.items()]
    if not as_json:
        _show(calibration)
    tell(
        as_json,
        {"items": len(cases), "out": str(out), **calibration.model_dump(mode="json", exclude={"curves"})},
        "\n".join([*said, f"{len(calibration.curves)} curves from {len(cases)} solutions: {out}"]),
    )


def _show(calibration: "Calibration") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not calibration.quality:
        return
    table = Table(
        "judge", "method", "on", "error as stated", "calibrated", title="Expected calibration error"
    )
    bars = Table("judge", "as stated: said, right (verdicts)", "calibrated", title="Reliability")
    for curve, quality in zip(calibration.curves, calibration.quality, strict=True):
        errors = [
            f"{one.error.value:.3f} ({one.error.low:.3f} to {one.error.high:.3f})"
            for one in (quality.before, quality.after)
        ]
        # What a model is called comes from a file: no markup.
        name = Text(quality.key)
        table.add_row(name, curve.method, str(quality.items), *errors)
        bars.add_row(name, *(_bars(one.bins) for one in (quality.before, quality.after)))
    console = Console()
    console.print(table)
    console.print(bars)


def _bars(bins: "Sequence[Bin]") -> str:
    return "\n".join(f"{one.confidence:.2f}, {one.right:.2f} ({one.items})" for one in bins)
