import json
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from firstfault.datasets.errors import HubError
from firstfault.datasets.hub import fetch, publish
from firstfault.datasets.release import CHANGELOG, CHECKSUMS, build, read_release
from firstfault.datasets.subsets import KINDS, PARTS
from firstfault.loop.release import assemble
from hub_server import READER, Fault, HubServer
from mined_run import write_run

REPO = "me/silver-bullet"


@pytest.fixture(scope="module")
def release(tiny_model, tmp_path_factory):
    return assemble(write_run(tmp_path_factory.mktemp("runs") / "run", tiny_model))


@pytest.fixture(scope="module")
def files(release):
    return build(release.made, release.parts, release.config, repo=REPO, licence=release.licence)


@pytest.fixture(scope="module")
def other_files(release):
    first, *others = release.parts
    parts = [first._replace(rows=first.rows[1:]), *others]
    return build(release.made, parts, release.config, repo=REPO, licence=release.licence)


def contents(server: HubServer) -> dict[str, bytes]:
    return {path: file.content for path, file in server.repos[REPO].commits[-1][1].items()}


def assert_whole(server: HubServer, *trees: dict[str, bytes]) -> None:
    """The newest revision is exactly one of these trees, or the empty one of a new repository."""
    if REPO not in server.repos:
        return
    there = contents(server)
    rest = {path: content for path, content in there.items() if path != ".gitattributes"}
    if not rest:
        return
    sums = json.loads(rest.pop(CHECKSUMS))["files"]
    rest.pop(CHANGELOG)
    assert sums.keys() == rest.keys()
    assert rest in [dict(tree) for tree in trees]


def test_a_set_goes_up_in_one_commit_with_a_tag_and_is_private(hub, files):
    done = publish(files, REPO)
    repo = hub.repos[REPO]
    assert (done.committed, done.private, done.is_new, done.plan.version) == (True, True, True, "v1")
    assert repo.private
    assert [message.split(":")[0] for _, _, message in repo.commits] == ["initial commit", "v1"]
    assert repo.tags == {"v1": repo.head}
    assert done.revision == repo.head
    assert {path: content for path, content in contents(hub).items() if path in files} == files


def test_publishing_again_makes_no_commit(hub, files):
    first = publish(files, REPO)
    hub.requests.clear()
    again = publish(files, REPO)
    assert (again.committed, again.revision) == (False, first.revision)
    assert len(hub.repos[REPO].commits) == 2
    assert not [line for line in hub.requests if line.split()[0] in ("POST", "PUT")]


def test_a_change_is_a_new_revision_with_a_line_and_a_tag(hub, files, other_files):
    first = publish(files, REPO)
    second = publish(other_files, REPO)
    repo = hub.repos[REPO]
    assert second.committed
    assert repo.tags == {"v1": first.revision, "v2": second.revision}
    told = contents(hub)[CHANGELOG].decode()
    assert told.index("## v1") < told.index("## v2") < told.index("data/preference/train.parquet")
    assert_whole(hub, other_files)


def test_a_file_that_is_no_more_is_removed_in_the_same_commit(hub, files):
    publish(files, REPO)
    fewer = {path: content for path, content in files.items() if path != "margins.svg"}
    publish(fewer, REPO)
    assert "margins.svg" not in contents(hub)
    assert len(hub.repos[REPO].commits) == 3


def test_a_dry_run_sends_nothing_and_says_what_would_go_up(hub, files):
    done = publish(files, REPO, dry_run=True)
    assert (done.committed, done.revision, done.is_new) == (False, None, True)
    assert set(done.plan.changed) == set(files)
    assert hub.repos == {}
    assert {line.split()[0] for line in hub.requests} == {"GET"}


def test_public_has_to_be_said(hub, files):
    publish(files, REPO, public=True)
    assert not hub.repos[REPO].private
    with pytest.raises(HubError, match="is public"):
        publish(files, REPO)


def test_a_name_that_something_else_has_is_refused(hub, files):
    hub.add(REPO, {"README.md": b"my thesis"})
    with pytest.raises(HubError, match="taken by a dataset that firstfault did not publish"):
        publish(files, REPO)
    assert len(hub.repos[REPO].commits) == 1


def test_a_repository_that_somebody_made_empty_is_used(hub, files):
    hub.add(REPO)
    assert not publish(files, REPO).is_new
    assert_whole(hub, files)


@pytest.mark.parametrize(
    ("token", "message"),
    [("hf_" + "nobody" * 4, "does not know the token"), (READER, "may not write there")],
)
def test_a_token_without_permission_is_one_line(hub, files, monkeypatch, token, message):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(HubError, match=message) as caught:
        publish(files, REPO)
    assert token not in str(caught.value) + caught.value.hint
    assert hub.repos == {}


def test_a_namespace_of_somebody_else_is_refused(hub, files):
    with pytest.raises(HubError, match="403"):
        publish(files, "you/set")


@pytest.mark.parametrize(
    ("at", "status", "message"),
    [
        ("GET /api/datasets", 429, "patience"),
        ("GET /api/datasets", 503, "in trouble"),
        ("create", 409, "somebody else"),
        ("create", 429, "patience"),
        ("preupload", 403, "may not write"),
        ("preupload", 429, "patience"),
        ("objects/batch", 500, "in trouble"),
        ("PUT /lfs", 403, "may not write"),
        ("PUT /lfs", 503, "in trouble"),
        ("lfs/verify", 500, "in trouble"),
        ("commit/main", 412, "somebody else"),
        ("commit/main", 409, "somebody else"),
        ("commit/main", 500, "in trouble"),
        ("commit/main", 401, "does not know the token"),
        ("tag/", 500, "in trouble"),
    ],
)
def test_a_refusal_anywhere_leaves_a_whole_revision_and_the_next_try_finishes(
    hub, files, other_files, at, status, message
):
    if "create" not in at:
        publish(files, REPO)
    hub.faults = [Fault(at, status=status)]
    with pytest.raises(HubError, match=message) as caught:
        publish(other_files, REPO)
    assert "\n" not in str(caught.value)
    assert_whole(hub, files, other_files)
    hub.faults = []
    done = publish(other_files, REPO)
    assert_whole(hub, other_files)
    assert hub.repos[REPO].tags[done.plan.version] == hub.repos[REPO].head


@pytest.mark.parametrize("at", ["preupload", "objects/batch", "PUT /lfs", "commit/main", "tag/"])
@pytest.mark.parametrize("cut", [0, 1, 100, 4_000, 20_000])
def test_an_upload_broken_at_any_byte_leaves_a_whole_revision(hub, files, other_files, at, cut):
    publish(files, REPO)
    hub.faults = [Fault(at, cut=cut)]
    with pytest.raises(HubError, match="connection broke"):
        publish(other_files, REPO)
    assert_whole(hub, files, other_files)
    hub.faults = []
    publish(other_files, REPO)
    assert_whole(hub, other_files)
    assert set(hub.repos[REPO].tags) == {"v1", "v2"}


def test_an_upload_that_breaks_once_is_tried_again(hub, files):
    hub.faults = [Fault("PUT /lfs", cut=50, times=1), Fault("preupload", status=429, times=1)]
    assert publish(files, REPO).committed
    assert_whole(hub, files)


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub, files, other_files):
    publish(files, REPO)
    hub.faults = [Fault("commit/main", lost=True, times=1)]
    with pytest.raises(HubError, match="connection broke"):
        publish(other_files, REPO)
    assert_whole(hub, other_files)
    done = publish(other_files, REPO)
    assert not done.committed
    assert len(hub.repos[REPO].commits) == 3
    assert hub.repos[REPO].tags["v2"] == hub.repos[REPO].head


def test_a_repository_that_moves_on_in_between_is_not_overwritten(hub, files, other_files):
    publish(files, REPO)
    repo = hub.repos[REPO]

    def somebody_else() -> None:
        repo.commit({**repo.commits[-1][1]}, "somebody else's")

    hub.faults = [Fault("commit/main", before=somebody_else, times=1)]
    with pytest.raises(HubError, match="nothing was overwritten"):
        publish(other_files, REPO)
    assert repo.commits[-1][2] == "somebody else's"
    assert_whole(hub, files)


def test_a_server_that_is_not_there_is_one_line(hub, files, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="connection broke"):
        publish(files, REPO)


@pytest.mark.parametrize("repo", ["silver", "me/../x", "me/a b", ""])
def test_what_is_no_id_is_refused_before_anything_is_sent(hub, files, repo):
    with pytest.raises(HubError, match="not the id of a repository"):
        publish(files, repo)
    assert hub.requests == []


def test_a_published_set_is_fetched_by_revision_and_read(hub, files, other_files, release):
    first = publish(files, REPO)
    publish(other_files, REPO)
    folder, sha = fetch(REPO, "v1")
    assert sha == first.revision
    assert read_release(folder).train == list(release.parts[0].rows)
    newest, _ = fetch(REPO)
    assert read_release(newest).train == list(release.parts[0].rows)[1:]
    with pytest.raises(HubError, match="no such revision"):
        fetch(REPO, "v9")
    with pytest.raises(HubError, match="no such dataset"):
        fetch("me/none")


KILLED = """
import pickle, sys
from firstfault.datasets.hub import publish
publish(pickle.load(open(sys.argv[1], "rb")), "me/silver-bullet")
"""


@pytest.mark.parametrize("at", ["create", "PUT /lfs", "lfs/verify", "commit/main", "tag/"])
def test_a_publisher_killed_in_the_middle_leaves_a_whole_revision(hub, files, tmp_path, at):
    import pickle

    (tmp_path / "files").write_bytes(pickle.dumps(dict(files)))
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
    }
    reached, dead = threading.Event(), threading.Event()

    def stop() -> None:
        reached.set()
        dead.wait(30)

    deadly = Fault(at, before=stop, times=1)
    hub.faults = [deadly]
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "files")], env=environment)
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    dead.set()
    # What the dead one asked for is done all the same, and mustn't come between the next one's requests.
    assert deadly.handled.wait(30)
    assert_whole(hub, files)
    publish(files, REPO)
    assert_whole(hub, files)
    assert hub.repos[REPO].tags == {"v1": hub.repos[REPO].head}


LOADED = textwrap.dedent(
    """
    import json, sys
    from datasets import load_dataset
    found = {}
    for subset in sys.argv[1:]:
        loaded = load_dataset("me/silver-bullet", subset)
        found[subset] = {part: loaded[part].to_list() for part in loaded}
    print(json.dumps(found))
    """
)


def test_load_dataset_loads_every_subset_from_the_hub(hub, files, release, tmp_path):
    publish(files, REPO)
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    environment["HF_HUB_DISABLE_XET"] = "1"
    # Without our package: what anybody would do.
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *KINDS],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for one in release.parts:
        rows = [row.model_dump(mode="json") for row in one.rows]
        for row in rows:
            if "votes" in row:
                row["votes"] = json.dumps(row["votes"], ensure_ascii=False)
        assert found[one.subset][one.part] == rows
    assert {part for subset in found.values() for part in subset} == set(PARTS)
