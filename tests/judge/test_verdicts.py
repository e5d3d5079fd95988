import json

from firstfault.datasets.records import Usage, Verdict, VerdictStatus
from firstfault.judge.verdicts import read_priced, read_verdicts

USED = Usage(requests=2, prompt_tokens=30, completion_tokens=4)
RECORD = Verdict(solution_id="s", judge="j", status=VerdictStatus.CLEAN, usage=USED)


def write(tmp_path, *rows):
    path = tmp_path / "v.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_usage_and_price_come_with_a_row(tmp_path):
    row = {"id": "a", "status": "clean", **USED.model_dump(), "usd": 0.5}
    found = read_priced(write(tmp_path, row, {**row, "id": "b", "usd": None}))
    assert found["a"].verdict.usage == found["b"].verdict.usage == USED
    assert (found["a"].usd, found["b"].usd) == (0.5, None)
    assert found["a"].has_usage


def test_labels_alone_tell_no_usage(tmp_path):
    found = read_priced(write(tmp_path, {"id": "a", "status": "clean"}, RECORD.model_dump_json()))
    assert (found["a"].has_usage, found["a"].usd) == (False, None)
    assert (found["s"].has_usage, found["s"].usd, found["s"].verdict) == (True, None, RECORD)
    assert read_verdicts(tmp_path / "v.jsonl") == {key: one.verdict for key, one in found.items()}
