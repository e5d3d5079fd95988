"""What names a ledger, and that its password is repeated nowhere."""

from pathlib import Path

import pytest
from firstfault.annotate.engines.ledger import Ledger
from firstfault.annotate.engines.ledger_place import is_shared, place_of, shown
from firstfault.cli.main import main
from firstfault.datasets.errors import ConfigError, FirstFaultError
from firstfault.judge.config import JudgeConfig
from hypothesis import given
from hypothesis import strategies as st

SECRET = "s3cr"
HERE = "127.0.0.1:1"
READ = [
    f"postgresql://me:{SECRET}@{HERE}/x",
    f"postgresql://me:{SECRET}:a@{HERE}/x",
    f"postgresql://me:{SECRET}%40@{HERE}/x",
    f"postgresql://me@{HERE}/x?password={SECRET}",
    f"postgresql://{HERE}/x?user=me&sslpassword={SECRET}&application_name=y",
    f"postgres://:{SECRET}@{HERE}",
    f"postgresql+psycopg://me:{SECRET}@{HERE}/x",
    f"PostgreSQL://me:{SECRET}@{HERE}/x?bogus=1",
    f"postgresql://me:{SECRET}@{HERE},127.0.0.1:2/x",
]
REFUSED = [
    f"postgresql://me:{SECRET}#a@{HERE}/x",
    f"postgresql://me:{SECRET}/a@{HERE}/x",
    f"postgresql://me:{SECRET}?a@{HERE}/x",
    f"postgresql://me:1?{SECRET}=a@{HERE}/x",
    f"postgresql://me:1/{SECRET}@{HERE}/x",
    f"postgresql://me:{SECRET}[a@{HERE}/x",
    f"postgresql://me:{SECRET}%zz@{HERE}/x",
    f"postgresql://me:{SECRET}@a@{HERE}/x",
    f"postgresql://me:{SECRET} @{HERE}/x",
    f"postgresql://me:{SECRET}\n@{HERE}/x",
    f"postgresql://me:{SECRET}@127.0.0.1:port/x",
    f"postgresql://me@{HERE}/x?p%61ssword={SECRET}",
    f"mysql://me:{SECRET}@{HERE}/x",
]


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("postgresql://me:secret@host:5/db?x=1", "postgresql://me@host:5/db?x=1"),
        ("postgresql://me@host/db?password=secret", "postgresql://me@host/db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me@[::1]:5,host/db", "postgresql://me@[::1]:5,host/db"),
        ("postgres://host/db", "postgresql://host/db"),
        ("postgresql:///db?host=/var/run/postgresql", "postgresql:///db?host=/var/run/postgresql"),
        ("folder/ledger.sqlite", "folder/ledger.sqlite"),
        ("postgresql", "postgresql"),
    ],
)
def test_places_are_written_without_passwords(given: str, written: str):
    assert shown(place_of(given)) == written
    assert is_shared(place_of(given)) == ("://" in given)


@given(st.text(max_size=30), st.text(alphabet="s@:/?#[]%&= 1,é\n", max_size=12))
def test_no_password_however_odd_is_written(user: str, odd: str):
    password = f"{SECRET}{odd}{SECRET}"
    try:
        said = shown(place_of(f"postgresql://{user}:{password}@host/db"))
    except ConfigError as error:
        said = f"{error} {error.hint}"
    assert SECRET not in said.replace(user, "") or SECRET in user


@pytest.mark.parametrize("url", READ + REFUSED)
def test_a_password_is_in_no_error_no_configuration_and_no_name_of_a_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FirstFaultError) as raised:
        Ledger(url)
    said = f"{raised.value} {raised.value.hint} {raised.value.__cause__}"
    with pytest.raises(ConfigError) as refused:
        JudgeConfig.model_validate({"panel": ["symbolic"], "ledger": url})
    said += f"{refused.value} {refused.value.hint}"
    assert main(["ledger", "show", url, "--json"]) == 2
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "judge.yaml").write_text(f"judge: {{panel: [symbolic], ledger: {url!r}}}")
    (tmp_path / "run.yaml").write_text("{}")
    (tmp_path / "x.jsonl").write_text("")
    assert main(["judge", "x.jsonl", "--config", "judge.yaml", "--out", "v.jsonl"]) == 2
    assert main(["run", "run.yaml", "--out", "run", "--set", f"judge.ledger={url}"]) == 2
    output = capsys.readouterr()
    assert "PGPASSWORD" in output.err or url in REFUSED
    assert SECRET not in said + output.out + output.err


def test_a_configuration_keeps_a_place_without_a_password():
    for place in ("postgresql://me@host/db", "folder/ledger.sqlite"):
        config = JudgeConfig.model_validate({"panel": ["symbolic"], "ledger": place})
        again = JudgeConfig.model_validate(config.model_dump(mode="json"))
        assert str(config.ledger) == str(again.ledger) == place
    there = JudgeConfig.model_validate({"ledger": "postgresql://me@host/db"}).with_paths_from(Path("/some"))
    assert there.ledger == "postgresql://me@host/db"
