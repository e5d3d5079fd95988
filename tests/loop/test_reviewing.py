"""Review of a run on a real Argilla server, by reviewers who answer as its web page does."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from firstfault.annotate.argilla.asking import Asking, Blind, What
from firstfault.annotate.argilla.connection import Connection
from firstfault.annotate.argilla.sampling import Sampled
from firstfault.annotate.reviews import PEOPLE
from firstfault.datasets.errors import InputError
from firstfault.datasets.records import Drawn, Split, VerdictStatus
from firstfault.datasets.store import read_records, write_records
from firstfault.loop.progress import Reporter
from firstfault.loop.reviewing import RunReview
from reviewer import Reviewer
from small_run import VARIANT, make_run

SEEDS = count(1)
ALL = Asking(what=What.ALL, gold=0)


class Review:
    """A run, its reviewers, and a server for both."""

    def __init__(self, serving, path: Path, **run) -> None:
        # Every run has problems of its own, and so a dataset of its own.
        self.seed = next(SEEDS)
        self.folder = make_run(path / "run", seed=self.seed, **run)
        self.connection = Connection(serving.url, serving.credentials["api_key"])
        self.serving = serving
        self.passwords: dict[str, str] = {}

    @property
    def run(self) -> RunReview:
        return RunReview(self.folder)

    def push(self, asking=ALL, who=()):
        run = self.run
        result = run.push(self.connection, asking, run.place(), who, Reporter())
        self.passwords |= dict(result.accounts)
        return result

    def pull(self, **more):
        run = self.run
        return run.pull(self.connection, run.place(), Reporter(), **more)

    def log_in(self, name: str) -> Reviewer:
        return Reviewer(self.serving.url, name, self.passwords[name])

    def names(self, *roles: str) -> list[str]:
        return [f"{role}-of-run-{self.seed}" for role in roles]


@pytest.fixture
def review(serving, tmp_path):
    return Review(serving, tmp_path, regressions=12)


def dataset_of(person, result):
    return person.datasets()[result.place.dataset]


def say(person, record, step, kind="method", **more):
    return person.answer(record["id"], first_faulty_step=str(step), error_kind=kind, **more)


def test_answers_become_reviews_and_people_outrank_the_judges(review):
    ann, ben = review.names("ann", "ben")
    pushed = review.push(who=[ann, ben])
    assert (pushed.pushed.added, [one.username for one in pushed.accounts]) == (12, [ann, ben])
    with review.log_in(ann) as one, review.log_in(ben) as two:
        dataset = dataset_of(one, pushed)
        first, second, third, fourth, fifth, *_ = one.pending(dataset)
        for person in (one, two):
            say(person, first, 1, "conceptual", corrected_step="so $a$ < b", rationale="it is 1 < 2")
        say(one, second, 1)
        one.answer(third["id"], "draft", first_faulty_step="1")
        one.answer(fourth["id"], "discarded")
        say(one, fifth, 10)
    pulled = review.pull()
    found = {(one.solution_id, one.reviewer): one for one in pulled.reviews}
    assert len(found) == pulled.new == 3
    mine = review.run.pseudonyms.of(ann)
    kept = found[first["external_id"], mine]
    assert (kept.first_fault, kept.error_type, kept.corrected_step) == (0, "conceptual", "so $a$ < b")
    assert kept.drawn is Drawn.RANDOM
    assert dict(pulled.pulled[0].states[mine]) == {"submitted": 3, "draft": 1, "discarded": 1}
    (refused,) = pulled.pulled[0].refused
    assert (refused.solution_id, refused.reviewer) == (fifth["external_id"], mine)
    assert re.fullmatch(r"names step 10 of \d", refused.reason)
    verdicts = {one.solution_id: one for one in review.folder.verdicts(VARIANT, Split.MINING)}
    assert len(verdicts) == 12
    settled = verdicts[first["external_id"]]
    assert (settled.judge, settled.first_fault, settled.votes[0].judge) == (PEOPLE, 0, "panel")
    assert verdicts[third["external_id"]].judge == "panel"


def test_names_are_in_one_file_that_only_its_owner_can_read(review):
    (ann,) = review.names("quentin")
    pushed = review.push(who=[ann])
    with review.log_in(ann) as one:
        say(one, one.pending(dataset_of(one, pushed))[0], 1)
    review.pull()
    people = review.folder.people_path
    assert people.stat().st_mode & 0o777 == 0o600
    assert ann in people.read_text()
    for file in review.folder.path.rglob("*"):
        if file.is_file() and file != people:
            assert ann.encode() not in file.read_bytes(), file


def test_pushing_again_changes_what_has_changed_and_keeps_answers(review):
    (ann,) = review.names("ann")
    ask = ALL._replace(blind=Blind.NONE)
    pushed = review.push(ask, who=[ann])
    assert review.push(ask).pushed == (0, 0, 12)
    with review.log_in(ann) as one:
        dataset = dataset_of(one, pushed)
        record, other, *_ = one.pending(dataset)
        assert {len(each["suggestions"]) for each in (record, other)} == {3}
        say(one, record, 1)
        sample_path = review.folder.sample_path(VARIANT, Split.MINING)

        sample = read_records(sample_path, Sampled)
        changed = [
            each.model_copy(update={"suggestion": None}) if each.solution_id == other["external_id"] else each
            for each in sample
        ]
        write_records(sample_path, changed)
        assert review.push(ask).pushed == (0, 1, 11)
        assert review.push(ask).pushed == (0, 0, 12)
        left = {each["id"]: each for each in one.pending(dataset)}
        assert len(left) == 11
        assert left[other["id"]]["suggestions"] == []
    assert [each.solution_id for each in review.pull().reviews] == [record["external_id"]]


def test_an_answer_that_is_changed_or_taken_back_is_so_in_the_run(review):
    (ann,) = review.names("ann")
    pushed = review.push(who=[ann])
    with review.log_in(ann) as one:
        first, second, third, *_ = one.pending(dataset_of(one, pushed))
        answers = [say(one, each, 1) for each in (first, second, third)]
        assert review.pull().new == 3
        one.change(answers[0], "submitted", first_faulty_step="none")
        one.change(answers[1], "draft", first_faulty_step="1")
        seen = review.pull(save=False)
        pulled = review.pull()
    assert (
        (pulled.new, pulled.changed, pulled.withdrawn)
        == (seen.new, seen.changed, seen.withdrawn)
        == (0, 1, 1)
    )
    found = {one.solution_id: one for one in review.folder.reviews(VARIANT, Split.MINING)}
    assert set(found) == {first["external_id"], third["external_id"]}
    assert found[first["external_id"]].status is VerdictStatus.CLEAN
    assert review.pull()[2:5] == (0, 0, 0)


def test_reviews_survive_a_server_that_lost_them(review):
    (ann,) = review.names("ann")
    pushed = review.push(who=[ann])
    with review.log_in(ann) as one:
        say(one, one.pending(dataset_of(one, pushed))[0], 1)
    before = review.pull().reviews
    review.connection.client.datasets(pushed.place.dataset, workspace=pushed.place.workspace).delete()
    with pytest.raises(InputError, match="no such dataset"):
        review.pull()
    assert review.push().pushed == (12, 0, 0)
    assert review.pull().reviews == before


def test_a_dispute_goes_to_another_person_who_decides(review):
    ann, ben, cleo = review.names("ann", "ben", "cleo")
    pushed = review.push(who=[ann, ben])
    with review.log_in(ann) as one, review.log_in(ben) as two:
        first, second, *_ = one.pending(dataset_of(one, pushed))
        say(one, first, 1, rationale="because <b>so</b>")
        say(two, first, 2)
        for person in (one, two):
            say(person, second, 1)
    assert review.pull().disputed == 1
    verdicts = {each.solution_id: each.judge for each in review.folder.verdicts(VARIANT, Split.MINING)}
    assert verdicts[first["external_id"]] == "panel"
    assert verdicts[second["external_id"]] == PEOPLE
    asked = review.push(Asking(what=What.DISPUTED), who=[cleo, ann])
    assert (asked.pushed.added, dict(asked.drawn)) == (1, {Drawn.DISPUTED: 1})
    with review.log_in(ann) as one, review.log_in(cleo) as three:
        assert list(three.datasets()) == [asked.place.dataset]
        (record,) = three.pending(dataset_of(three, asked))
        assert record["suggestions"] == []
        shown = record["fields"]["opinions"]
        assert "step 1, method" in shown
        assert "step 2, method" in shown
        assert ann not in shown
        assert "\\<b>so\\</b>" in shown
        say(one, record, 1)
        refused = review.pull()
        assert [each.reason for each in refused.pulled[1].refused] == ["is one of those who differ"]
        assert refused.disputed == 1
        say(three, record, 2, "execution")
    pulled = review.pull()
    assert pulled.disputed == 0
    verdict = next(
        each
        for each in review.folder.verdicts(VARIANT, Split.MINING)
        if each.solution_id == first["external_id"]
    )
    assert (verdict.judge, verdict.first_fault, verdict.error_type) == (PEOPLE, 1, "execution")
    with pytest.raises(InputError, match="no two reviewers differ"):
        review.push(Asking(what=What.DISPUTED))


def test_gold_looks_like_everything_else_to_reviewers(review):
    (ann,) = review.names("ann")
    pushed = review.push(Asking(what=What.ALL, gold=0.5, blind=Blind.NONE), who=[ann])
    assert pushed.drawn[Drawn.GOLD] == 6
    with review.log_in(ann) as one:
        records = one.pending(dataset_of(one, pushed))
    ours = {case.solution.id for case in review.run.cases}
    gold = [one for one in records if one["external_id"] not in ours]
    assert (len(gold), len(records)) == (6, 18)

    def look(record):
        suggestions = {one["agent"] for one in record["suggestions"]}
        return record["metadata"], set(record["fields"]), suggestions, record["external_id"][:2]

    real = [look(one) for one in records if one["external_id"] in ours]
    assert all(look(one) in real for one in gold)


def test_two_reviewers_a_push_and_a_pull_at_once_lose_nothing(serving, tmp_path):
    review = Review(serving, tmp_path, regressions=250)
    ann, ben = review.names("ann", "ben")
    half = Asking(what=What.RANDOM, size=125, gold=0, blind=Blind.NONE)
    pushed = review.push(half, who=[ann, ben])
    accepted: list[tuple[str, str, str]] = []

    def work(name: str) -> None:
        with review.log_in(name) as person:
            dataset = dataset_of(person, pushed)
            while len([one for one in accepted if one[1] == name]) < 250:
                for record in person.pending(dataset, limit=50):
                    step = str(1 + int(record["external_id"][-2:], 16) % 2)
                    say(person, record, step)
                    accepted.append((record["external_id"], name, step))

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, name) for name in (ann, ben)]
        growing = pool.submit(review.push, half._replace(size=250))
        pulling = pool.submit(lambda: [review.pull() for _ in range(5)])
        for one in (growing, pulling, *workers):
            one.result()
    assert len(accepted) == len(set(accepted)) == 500
    pulled = review.pull()
    run = review.run
    got = {
        (one.solution_id, run.pseudonyms.name(one.reviewer), str((one.first_fault or 0) + 1))
        for one in pulled.reviews
    }
    assert got == set(accepted)
    assert len(pulled.reviews) == 500
