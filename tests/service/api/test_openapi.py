"""The API does what its OpenAPI document says, whatever is sent to a service that really runs."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from service_app import RIGHT, WRONG

pytest.importorskip("schemathesis", reason="needs the extra `dev`")

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# Each one draws as many cases, and following a job that does not end would wait for ever.
EXAMPLES = 8


def test_no_answer_is_undocumented(tmp_path: Path, url: str):
    command = [sys.executable, "-m", "firstfault.cli.main", "serve", "--json", "--port", "0", "--db", url]
    folders = ["--data", str(tmp_path / "data"), "--runs", str(tmp_path / "runs")]
    process = subprocess.Popen([*command, *folders, "--workers", "1"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        service = json.loads(process.stdout.readline())["url"]
        body = b"".join(json.dumps(row).encode() + b"\n" for row in (RIGHT, WRONG))
        assert httpx.post(f"{service}/v1/jobs", content=body).status_code == 202
        fuzzer = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{service}/openapi.json"]
        limits = ["--max-examples", str(EXAMPLES), "--seed", "1", "--exclude-path-regex", "events"]
        more = ["--phases", "coverage,fuzzing,stateful", "--continue-on-failure", "--no-color"]
        done = subprocess.run(
            [*fuzzer, "--checks", ",".join(CHECKS), *limits, *more],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "api_bodies",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            check=False,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    cases = re.search(r"(\d[\d,]*) generated", done.stdout)
    assert cases is not None
    assert int(cases[1].replace(",", "")) > 300
