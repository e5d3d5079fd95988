"""`firstfault publish` as a person types it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from firstfault.annotate.argilla.people import Pseudonyms
from firstfault.cli.main import main
from firstfault.datasets.records import Pair, Problem, Review, Split
from firstfault.datasets.release import read_release
from firstfault.datasets.store import file_sha256, read_records, write_records
from hub_server import WRITER, HubServer
from mined import VARIANT
from mined_run import write_run
from publisher import publish, refused


@pytest.fixture
def run(tiny_model, tmp_path: Path):
    return write_run(tmp_path / "run", tiny_model)


def test_a_folder_gets_the_same_tree_and_nothing_new_the_second_time(run, tmp_path, capsys):
    out = tmp_path / "out"
    found = publish(capsys, run.path, "--to", out)
    assert found["licence"] == "apache-2.0"
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == set(
        found["files"]
    )
    assert read_release(out).train == read_records(run.pairs_path(VARIANT), Pair)
    assert main(["publish", str(run.path), "--to", str(out)]) == 0
    assert "nothing changed since v1" in capsys.readouterr().out


def test_a_dry_run_writes_nothing_and_lists_what_would(run, tmp_path, capsys):
    assert main(["publish", str(run.path), "--to", str(tmp_path / "out"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "not sent (dry run)" in said
    assert "data/preference/train.parquet" in said
    assert not (tmp_path / "out").exists()


def test_the_best_pairs_are_kept_when_fewer_are_wanted(run, tmp_path, capsys):
    publish(capsys, run.path, "--to", tmp_path / "out", "--size", 7)
    assert read_release(tmp_path / "out").train == read_records(run.pairs_path(VARIANT), Pair)[:7]


def test_to_the_hub_from_a_process_of_its_own_with_the_token_of_the_environment(run, tmp_path):
    with HubServer() as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": WRITER}
        environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        command = [sys.executable, "-m", "firstfault.cli.main", "publish", str(run.path)]
        done = subprocess.run(
            [*command, "--repo", "me/set"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "v1" in done.stdout
        assert "(private, new)" in done.stdout
        assert WRITER not in done.stdout + done.stderr
        assert hub.repos["me/set"].tags == {"v1": hub.repos["me/set"].head}
        assert hub.repos["me/set"].private


def test_nowhere_to_go_is_refused(run, capsys):
    assert "nowhere to publish to" in refused(capsys, run.path)


def test_a_run_without_pairs_is_refused(run, capsys, tmp_path):
    run.pairs_path(VARIANT).unlink()
    assert "no curated pairs" in refused(capsys, run.path, "--to", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def agreeing_review(run) -> Review:
    pair = read_records(run.pairs_path(VARIANT), Pair)[0]
    return Review(
        solution_id=pair.solution_id,
        reviewer="r-7f3a",
        status="faulty",
        first_fault=pair.step,
        error_type=pair.error_type,
        rationale="r-7f3a says so",
    )


def test_reviews_that_came_after_the_pairs_are_not_passed_over(run, capsys, tmp_path):
    write_records(run.reviews_path(VARIANT, Split.MINING), [agreeing_review(run)])
    assert "people reviewed after the pairs were made" in refused(capsys, run.path, "--to", tmp_path / "out")


def test_reviews_are_counted_and_reviewers_never_named(run, capsys, tmp_path):
    path = run.reviews_path(VARIANT, Split.MINING)
    write_records(path, [agreeing_review(run)])
    run.write_facts("curate", {**run.facts("curate"), "reviews_sha256": file_sha256(path)})
    said = refused(capsys, run.path, "--to", tmp_path / "out")
    assert "data/verdicts/" in said
    assert "column rationale: looks like a reviewer's name" in said
    write_records(path, [agreeing_review(run).model_copy(update={"rationale": "it is wrong"})])
    run.write_facts("curate", {**run.facts("curate"), "reviews_sha256": file_sha256(path)})
    publish(capsys, run.path, "--to", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "1 in all, by 1 reviewers, which settled 1 of the regressions" in card
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or b"r-7f3a" not in file.read_bytes()


def test_the_user_name_behind_a_pseudonym_is_looked_for_too(run, capsys, tmp_path):
    path = run.reviews_path(VARIANT, Split.MINING)
    people = Pseudonyms(run.people_path)
    said = agreeing_review(run).model_copy(
        update={"reviewer": people.of("priya.raman"), "rationale": "Priya.Raman looked twice"}
    )
    people.save()
    write_records(path, [said])
    run.write_facts("curate", {**run.facts("curate"), "reviews_sha256": file_sha256(path)})
    assert "looks like a reviewer's name" in refused(capsys, run.path, "--to", tmp_path / "out")


def test_names_from_a_file_stop_publishing(run, capsys, tmp_path):
    solution_text = read_records(run.problems_path, Problem)[0].question.split()[1]
    (tmp_path / "names.txt").write_text(f"Nobody Here\n\n{solution_text}\n")
    said = refused(capsys, run.path, "--to", tmp_path / "out", "--names", tmp_path / "names.txt")
    assert "looks like a reviewer's name" in said
    assert not (tmp_path / "out").exists()


def test_a_source_without_a_licence_is_refused_until_it_is_stated(run, capsys, tmp_path):
    problems = [
        problem.model_copy(update={"licence": None, "source": "own"})
        for problem in read_records(run.problems_path, Problem)
    ]
    write_records(run.problems_path, problems)
    out = tmp_path / "out"
    assert "'own' name no licence" in refused(capsys, run.path, "--to", out)
    found = publish(capsys, run.path, "--to", out, "--licence-of", "own=cc-by-4.0")
    assert found["licence"] == "cc-by-4.0"
    assert "no `=`" in refused(capsys, run.path, "--to", out, "--licence-of", "own")
