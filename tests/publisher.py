"""`firstfault publish` as a user runs it, and how it refuses."""

import json

from firstfault.cli.main import main


def publish(capsys, *arguments: object) -> dict:
    assert main(["publish", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments: object) -> str:
    assert main(["publish", *map(str, arguments)]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ")
    return said
