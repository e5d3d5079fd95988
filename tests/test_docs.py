"""What the documentation says of the code is checked against the code."""

import re
from pathlib import Path

from firstfault.cli.main import app
from firstfault.loop.config import RunConfig, parse_config, read_config, read_yaml
from firstfault.loop.matrix_config import MatrixConfig

ROOT = Path(__file__).parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()


def fields(model: type) -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        names.add(name)
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if hasattr(kind, "model_fields"):
                names |= fields(kind)
    return names


def test_every_field_of_a_configuration_is_documented():
    pages = CONFIGURATION + (ROOT / "docs" / "problem-sets.md").read_text()
    prose = re.sub(r"```.*?```", "", pages, flags=re.DOTALL)
    words = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", prose))))
    assert (fields(RunConfig) | fields(MatrixConfig)) - words == set()


def test_every_command_is_shown_in_the_documentation():
    shown = set(re.findall(r"firstfault (\w+)", CONFIGURATION + (ROOT / "README.md").read_text()))
    commands = {command.callback.__name__ for command in app.registered_commands}
    assert commands - shown == set()


def test_every_example_is_a_configuration():
    examples = sorted((ROOT / "examples").glob("*.yaml"))
    assert examples
    for example in examples:
        content = read_yaml(example)
        if "models" in content:
            parse_config(content, MatrixConfig, str(example))
        else:
            read_config(example)


def test_links_inside_the_repository_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
