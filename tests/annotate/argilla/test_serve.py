import json
import os
import signal
import socket
import stat
import uuid
from pathlib import Path

import httpx
import pytest
from firstfault.annotate.argilla.server.folder import DataFolder
from firstfault.annotate.listening import address_of, listen
from firstfault.cli.main import main
from firstfault.datasets.errors import ConfigError
from serving import Serving, wait_until_free

NOBODY = 65534
"""Id of the user that owns nothing."""


def error_of(capsys: pytest.CaptureFixture[str], *options: object) -> str:
    assert main(["review", "serve", *map(str, options)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


def test_the_owner_logs_in_with_what_was_shown(serving: Serving):
    argilla = pytest.importorskip("argilla", reason="needs the extra `review`")
    said = serving.said
    assert said["new"]
    client = argilla.Argilla(api_url=serving.url, api_key=said["api_key"])
    assert (client.me.username, client.me.role) == (said["username"], "owner")
    assert [workspace.name for workspace in client.workspaces] == ["review"]
    form = {"username": said["username"], "password": said["password"]}
    assert httpx.post(f"{serving.url}/api/v1/token", data=form).status_code == 201


def test_without_a_key_nothing_is_to_be_had(serving: Serving):
    for key in ("", "argilla.apikey", "owner.apikey"):
        answer = httpx.get(f"{serving.url}/api/v1/me", headers={"X-Argilla-Api-Key": key})
        assert answer.status_code == 401
    form = {"username": "argilla", "password": "12345678"}
    assert httpx.post(f"{serving.url}/api/v1/token", data=form).status_code == 401


def test_every_installation_has_credentials_of_its_own_for_its_user_alone(tmp_path: Path):
    made = []
    for name in ("a", "b"):
        with DataFolder(tmp_path / name) as folder:
            first, is_new = folder.credentials()
            assert is_new
            assert folder.credentials() == (first, False)
            assert stat.S_IMODE(folder.credentials_path.stat().st_mode) == 0o600
            made.append(first)
    assert made[0].password != made[1].password
    assert made[0].api_key != made[1].api_key
    assert made[0].api_key not in repr(made[0])


def test_credentials_are_in_their_file_and_nowhere_else_in_clear(serving: Serving):
    secrets = [serving.credentials[name] for name in ("password", "api_key", "signing_key")]
    assert stat.S_IMODE((serving.data / "credentials.json").stat().st_mode) == 0o600
    log = (serving.data / "server.log").read_text()
    arguments = Path(f"/proc/{serving.server_pid()}/cmdline").read_text()
    assert not any(secret in log + arguments for secret in secrets)
    for path in serving.data.iterdir():
        assert not path.stat().st_mode & 0o077, path


def test_only_this_machine_can_reach_it(serving: Serving):
    assert serving.url.startswith("http://127.0.0.1:")
    port = int(serving.url.rsplit(":", 1)[1])
    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_a_second_start_on_the_folder_is_refused_and_says_where_the_first_is(serving: Serving, capsys):
    said = error_of(capsys, "--data", serving.data, "--port", 0)
    assert "already runs on this folder" in said
    assert serving.url in said


def test_a_port_that_is_taken(tmp_path: Path, capsys):
    with listen("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        said = error_of(capsys, "--data", tmp_path / "data", "--port", port)
    assert f"127.0.0.1:{port}: Address already in use. Give another --port" in said
    assert "Give 127.0.0.1" in error_of(capsys, "--data", tmp_path / "data", "--host", "no such host")


def test_a_folder_that_can_not_be_used(tmp_path: Path, capsys):
    (tmp_path / "file").write_text("")
    assert "not a folder" in error_of(capsys, "--data", tmp_path / "file")
    assert "Not a directory" in error_of(capsys, "--data", tmp_path / "file" / "below")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("")
    assert "holds other things" in error_of(capsys, "--data", tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


def test_a_folder_that_can_not_be_written_to(tmp_path: Path):
    tmp_path.chmod(0o500)
    is_root = os.geteuid() == 0
    if is_root:  # who may write everywhere
        os.seteuid(NOBODY)
    try:
        with pytest.raises(ConfigError, match="Permission denied"):
            DataFolder(tmp_path / "data")
    finally:
        if is_root:
            os.seteuid(0)


def test_a_folder_of_another_version_or_with_broken_credentials(tmp_path: Path):
    with DataFolder(tmp_path) as folder:
        folder.credentials_path.write_text('{"api_key": "very-secret"}')
        with pytest.raises(ConfigError, match="not a file of credentials") as caught:
            folder.credentials()
        assert "very-secret" not in str(caught.value)
    (tmp_path / "firstfault-review.json").write_text('{"format": 99}')
    with pytest.raises(ConfigError, match="another version"):
        DataFolder(tmp_path)


def test_the_address_of_a_socket_on_all_interfaces_is_one_a_browser_can_open():
    with listen("0.0.0.0", 0) as bound:
        assert address_of(bound) == f"http://127.0.0.1:{bound.getsockname()[1]}"
    if socket.has_ipv6:
        with listen("::1", 0) as bound:
            assert address_of(bound).startswith("http://[::1]:")


def test_answers_and_credentials_survive_sigkill_and_nothing_outlives_the_command(
    server_python: Path, tmp_path: Path
):
    data = tmp_path / "with space, 100% & ?"
    with Serving(data) as first:
        key = first.credentials["api_key"]
        with first.client() as client:
            record = _record(client)
            answer = {"values": {"verdict": {"value": "faulty"}}, "status": "submitted"}
            assert client.post(f"/records/{record}/responses", json=answer).status_code == 201
        # The server is killed: the command says so, and ends.
        os.kill(first.server_pid(), signal.SIGKILL)
        assert first.process.wait(60) == 2
        assert first.process.stderr is not None
        assert "ended with exit code -9. See the end of" in first.process.stderr.read()
    with Serving(data) as second:
        assert not second.said["new"]
        assert key not in json.dumps(second.said)
        with second.client(key) as client:
            (kept,) = client.get("/me/datasets").json()["items"]
            listed = client.get(f"/datasets/{kept['id']}/records", params={"include": "responses"}).json()
            assert [each["values"] for each in listed["items"][0]["responses"]] == [answer["values"]]
        # The command is killed: the server follows it, and the folder is free.
        second.process.kill()
        second.process.wait(60)
        wait_until_free(data)
        with pytest.raises(httpx.ConnectError):
            httpx.get(second.url)


def test_ctrl_c_stops_it_cleanly_with_no_process_left(server_python: Path, tmp_path: Path):
    with Serving(tmp_path / "data") as running:
        pid = running.server_pid()
        assert running.stop(signal.SIGINT) == 0
        assert not Path(f"/proc/{pid}").exists()
        assert running.process.stderr is not None
        said = running.process.stderr.read()
    assert "Everything is kept in" in said
    assert "Traceback" not in said + (tmp_path / "data" / "server.log").read_text()


def _record(client: httpx.Client) -> str:
    """Make a published dataset with one record, and return the record's id."""
    (workspace,) = client.get("/me/workspaces").json()["items"]
    made = client.post(
        "/datasets", json={"name": f"d-{uuid.uuid4()}", "workspace_id": workspace["id"]}
    ).json()
    path = f"/datasets/{made['id']}"
    field = {
        "name": "text",
        "title": "Text",
        "required": True,
        "settings": {"type": "text", "use_markdown": True},
    }
    options = [{"value": value, "text": value} for value in ("faulty", "clean")]
    question = {
        "name": "verdict",
        "title": "Verdict",
        "required": True,
        "settings": {"type": "label_selection", "options": options},
    }
    for kind, body in (("fields", field), ("questions", question)):
        assert client.post(f"{path}/{kind}", json=body).status_code == 201
    assert client.put(f"{path}/publish").status_code == 200
    items = {"items": [{"fields": {"text": "1 + 1 = 3"}}]}
    return client.post(f"{path}/records/bulk", json=items).json()["items"][0]["id"]
