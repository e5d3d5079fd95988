"""Review of a run: its solutions to Argilla, and what people say of them back into the run's folder."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..annotate.argilla.agreement import measure_reviews
from ..annotate.argilla.asking import Asking, What
from ..annotate.argilla.connection import Connection
from ..annotate.argilla.dataset import Place, find_dataset, open_dataset
from ..annotate.argilla.entry import Entry, make_entry
from ..annotate.argilla.figures import ReviewFigures
from ..annotate.argilla.form import Form
from ..annotate.argilla.opinions import opinions
from ..annotate.argilla.people import Account, Keep, Pseudonyms, ensure_people
from ..annotate.argilla.pull import Pulled, make_reviews, read_answers
from ..annotate.argilla.push import Pushed, push
from ..annotate.argilla.sampling import Candidate, Sampled, draw, draw_gold, merge
from ..annotate.reviews import settle
from ..datasets.errors import InputError
from ..datasets.injector import right_solution
from ..datasets.records import Drawn, ErrorType, Review, Split, Verdict, content_id
from ..datasets.store import read_records, write_records
from .folder import RunFolder
from .models import Models
from .progress import Reporter
from .stages import wrong_cases
from .summary import renew_report
from .truth import injected_errors

_DISPUTED = "-disputed"


class PushResult(NamedTuple):
    """What was sent."""

    url: str
    """Of the page on which people review."""
    place: Place
    pushed: Pushed
    drawn: Counter[Drawn]
    """How many solutions stand there, by why."""
    accounts: list[Account]
    """New ones."""


class PullResult(NamedTuple):
    """What people have said."""

    pulled: tuple[Pulled, ...]
    """From the dataset, and from that of the disputes where there is one."""
    reviews: list[Review]
    """All of the run, those of earlier pulls included."""
    new: int
    changed: int
    withdrawn: int
    disputed: int
    """Disputes that nobody has decided yet."""
    figures: ReviewFigures
    """What the reviews say."""
    report: Path | None
    """The run's `report.html`, written anew; `None` if it has none or nothing was saved."""


class RunReview:
    """Review of the headline variant's regressions on mining problems.

    Args:
        folder: Of a run whose first faults have been located.

    Raises:
        InputError: If it is no run, or not so far yet.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.config = folder.read_config()
        self.variant = self.config.main.name
        path = folder.verdicts_path(self.variant, Split.MINING)
        if not path.is_file():
            raise InputError(
                f"{folder.path}: its first faults have not been located yet",
                hint="Finish the run first: the command that started it goes on with it",
            )
        self.verdicts = read_records(path, Verdict)
        self.cases = wrong_cases(folder, self.variant, Split.MINING)
        self.run = content_id("r", sorted(case.solution.id for case in self.cases))
        self.pseudonyms = Pseudonyms(folder.people_path)

    def place(self, workspace: str = "review", name: str | None = None) -> Place:
        """Where it is reviewed: as told, else where it was pushed to, else under a name of its own."""
        base = Models(self.config, self.folder).base.name
        known = self.folder.facts("review")
        dataset = name or known.get("dataset") or f"{base}-{self.variant}-{self.run[2:10]}"
        return Place(known.get("workspace") or workspace, dataset, self.run)

    def push(
        self,
        connection: Connection,
        asking: Asking,
        place: Place,
        who: Sequence[str],
        reporter: Reporter,
        keep: Keep | None = None,
    ) -> PushResult:
        """Ask people about solutions; asking again adds what is missing and changes what has changed.

        Args:
            connection: The server.
            asking: What about.
            place: Where.
            who: Reviewers; made where there are none.
            reporter: Shows progress.
            keep: Is given every account before it is made.

        Raises:
            InputError: If there is nothing to ask about.
            FirstFaultError: If the server can't be used, or holds something else under that name.
        """
        with self.folder.locked("push"):
            if asking.what is What.DISPUTED:
                place = disputes_of(place)
                sampled, entries = self._disputes()
                asking = asking._replace(answers=1)
            else:
                sampled, entries = self._sample(asking)
            steps = max(len(case.solution.steps) for case in self.cases)
            form = Form(steps, has_opinions=asking.what is What.DISPUTED)
            with reporter.task(f"Pushing to {connection.url}", total=len(entries)) as done:
                accounts = ensure_people(connection, who, place.workspace, keep)
                dataset = open_dataset(connection, place, form, asking.answers)
                if asking.what is not What.DISPUTED:
                    self.folder.write_facts(
                        "review",
                        {
                            "workspace": place.workspace,
                            "dataset": place.dataset,
                            "answers": self.folder.facts("review").get("answers", asking.answers),
                        },
                    )
                last = Pushed(0, 0, 0)
                for pushed in push(connection, dataset, entries):
                    done(sum(pushed) - sum(last))
                    last = pushed
        url = f"{connection.url}/dataset/{dataset}/annotation-mode"
        return PushResult(url, place, last, Counter(one.drawn for one in sampled), accounts)

    def pull(
        self, connection: Connection, place: Place, reporter: Reporter, *, save: bool = True
    ) -> PullResult:
        """Read what people have answered so far.

        Args:
            connection: To the server that it was pushed to.
            place: Where it was pushed to.
            reporter: Where progress is shown.
            save: Whether it goes into the run's folder, and into its report; else it is only looked at.

        Raises:
            InputError: If nothing was pushed there.
            FirstFaultError: If the server can't be used.
        """
        sampled = {one.solution_id: one for one in self._sampled()}
        dataset = find_dataset(connection, place)
        if dataset is None or not sampled:
            raise InputError(
                f"{place.dataset}: no such dataset in workspace {place.workspace!r} of {connection.url}",
                hint="Push the run first: firstfault review push; or name the dataset with --name",
            )
        disputes = find_dataset(connection, disputes_of(place))
        total = len(sampled)
        with self.folder.locked("pull"), reporter.task(f"Reading {connection.url}", total=total) as done:
            pulled = [make_reviews(read_answers(connection, dataset, done), sampled, self.pseudonyms)]
            if disputes is not None:
                differ = _reviewers(pulled[0].reviews)
                decided = read_answers(connection, disputes, lambda more: None)
                pulled.append(make_reviews(decided, sampled, self.pseudonyms, disputants=differ))
            before = {_key(one): one for one in self.folder.reviews(self.variant, Split.MINING)}
            there = {_key(one): one for each in pulled for one in each.reviews}
            # Taken back is what its reviewer made a draft of, or discarded. What is not there at all, since
            # the server was emptied, say, stays: it was hours of work.
            answered = {key for each in pulled for key in each.answered}
            kept = {
                key: one for key, one in before.items() if (one.solution_id, one.reviewer) not in answered
            }
            now = {**kept, **there}
            reviews = [now[key] for key in sorted(now)]
            figures = measure_reviews(reviews, sampled.values(), self.verdicts)
            if save:
                if before != now:
                    write_records(self.folder.reviews_path(self.variant, Split.MINING), reviews)
                self.folder.write_facts("reviews", figures.model_dump(mode="json"))
                self.pseudonyms.save()
        report = renew_report(self.config, self.folder) if save else None
        return PullResult(
            pulled=tuple(pulled),
            reviews=reviews,
            new=sum(key not in before for key in now),
            changed=sum(key in before and before[key] != now[key] for key in now),
            withdrawn=sum(key not in now for key in before),
            disputed=len(self._disputed(reviews)),
            figures=figures,
            report=report,
        )

    def completed(self, reviews: Sequence[Review]) -> int:
        """How many solutions have as many reviews as were asked for."""
        each = Counter(one.solution_id for one in reviews if not one.adjudicates)
        wanted: int = self.folder.facts("review").get("answers", 1)
        return sum(count >= wanted for count in each.values())

    def _sample(self, asking: Asking) -> tuple[list[Sampled], list[Entry]]:
        """What is asked about, that of earlier pushes included; the sample is kept with the run."""
        candidates = [
            Candidate(case.problem, case.solution, case.full_precision, verdict)
            for case, verdict in zip(self.cases, self.verdicts, strict=True)
        ]
        if not candidates:
            raise InputError(
                f"{self.folder.path}: {self.variant} has no regression to review",
                hint="Mine more problems, or choose a variant that loses more",
            )
        drawn = draw(candidates, asking)
        planted = self._planted(round(asking.gold * len(drawn)))
        gold = draw_gold(planted, self.verdicts, asking)
        sampled = merge(self._sampled(), [*drawn, *gold])
        # Before anything is sent: an answer to what is not in here would be refused.
        write_records(self.folder.sample_path(self.variant, Split.MINING), sampled)
        known = {one.solution.id: one for one in [*candidates, *planted]}
        known |= {
            one.solution.id: one for one in self._planted(sum(one.drawn is Drawn.GOLD for one in sampled))
        }
        entries = [
            make_entry(known[one.solution_id], one, self.run) for one in sampled if one.solution_id in known
        ]
        return sampled, entries

    def _disputes(self) -> tuple[list[Sampled], list[Entry]]:
        reviews = self.folder.reviews(self.variant, Split.MINING)
        disputed = self._disputed(reviews)
        if not disputed:
            raise InputError(
                f"{self.folder.path}: no two reviewers differ",
                hint="Pull what they have answered first: firstfault review pull",
            )
        asked = {one.solution_id: one for one in self._sampled()}
        known = {case.solution.id: case for case in self.cases}
        sampled: list[Sampled] = []
        entries: list[Entry] = []
        for solution_id, said in disputed.items():
            case = known[solution_id]
            one = asked[solution_id].model_copy(update={"drawn": Drawn.DISPUTED, "suggestion": None})
            candidate = Candidate(case.problem, case.solution, case.full_precision, None)
            sampled.append(one)
            entries.append(make_entry(candidate, one, self.run, opinions(said)))
        return sampled, entries

    def _disputed(self, reviews: Sequence[Review]) -> dict[str, list[Review]]:
        """Solutions, other than planted faults, on which people differ and nobody has decided."""
        ours = {case.solution.id for case in self.cases}
        return {
            solution: [one for one in settlement.reviews if not one.adjudicates]
            for solution, settlement in settle(reviews).items()
            if settlement.disputed and solution in ours
        }

    def _planted(self, count: int) -> list[Candidate]:
        """Planted faults, looking like the variant's own; none where problems have no program."""
        taken = {case.problem.id for case in self.cases}
        problems = [
            one
            for one in self.folder.problems(Split.MINING)
            if one.program is not None and one.id not in taken
        ]
        known = {problem.id: problem for problem in problems}
        return [
            Candidate(
                known[one.solution.problem_id],
                one.solution.model_copy(update={"model": self.variant}),
                right_solution(known[one.solution.problem_id]),
                one.truth,
            )
            for one in (injected_errors(problems, count, tuple(ErrorType)) if problems else [])
        ]

    def _sampled(self) -> list[Sampled]:
        path = self.folder.sample_path(self.variant, Split.MINING)
        return read_records(path, Sampled) if path.is_file() else []


def disputes_of(place: Place) -> Place:
    """Where disputes are decided: among other people, so that nobody decides their own."""
    return Place(place.workspace + _DISPUTED, place.dataset + _DISPUTED, place.run)


def _reviewers(reviews: Sequence[Review]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in reviews:
        found.setdefault(one.solution_id, []).append(one.reviewer)
    return found


def _key(review: Review) -> tuple[Any, ...]:
    return (review.solution_id, review.reviewer, review.adjudicates)
