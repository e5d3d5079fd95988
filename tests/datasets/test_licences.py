import pytest
from firstfault.datasets.errors import ConfigError
from firstfault.datasets.licences import LicenceError, identifier, licence_of_the_whole, licences_of
from firstfault.datasets.records import Problem


def problem(source: str, licence: str | None) -> Problem:
    return Problem(question=f"{source} {licence}", answer="1", source=source, licence=licence)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("MIT", "mit"),
        ("The MIT License", "mit"),
        ("Apache License 2.0", "apache-2.0"),
        ("Apache-2.0", "apache-2.0"),
        ("CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("CC0", "cc0-1.0"),
    ],
)
def test_licences_are_known_however_they_are_written(written, known):
    assert identifier(written) == known


def test_every_source_has_its_licence():
    problems = [problem("abacus", "Apache-2.0"), problem("gsm8k", "MIT"), problem("own", None)]
    assert licences_of(problems, {"own": "CC BY 4.0"}) == {
        "abacus": "apache-2.0",
        "gsm8k": "mit",
        "own": "cc-by-4.0",
    }


@pytest.mark.parametrize(
    ("problems", "message"),
    [
        ([problem("own", None)], "'own' name no licence"),
        ([problem("book", "All rights reserved")], "forbids publishing"),
        ([problem("set", "CC BY-NC-ND 4.0")], "forbids publishing"),
        ([problem("set", "my own")], "'my-own', which is not known"),
        ([problem("set", "MIT"), problem("set", "CC0")], "several licences"),
    ],
)
def test_what_may_not_be_published_is_refused_by_name(problems, message):
    with pytest.raises(LicenceError, match=message):
        licences_of(problems)


def test_a_stated_licence_does_not_overrule_what_problems_say():
    with pytest.raises(LicenceError, match="forbids"):
        licences_of([problem("book", "proprietary")], {"book": "mit"})


def test_the_whole_takes_the_licence_that_its_sources_ask_for():
    assert licence_of_the_whole({"a": "mit"}, None) == "mit"
    assert licence_of_the_whole({"a": "mit", "b": "apache-2.0"}, "CC BY 4.0") == "cc-by-4.0"
    assert licence_of_the_whole({"a": "mit", "b": "cc-by-sa-4.0"}, None) == "cc-by-sa-4.0"


@pytest.mark.parametrize(
    ("sources", "wanted", "message"),
    [
        ({"a": "mit", "b": "apache-2.0"}, None, "different licences"),
        ({"a": "cc-by-sa-4.0", "b": "cc-by-nc-4.0"}, None, "ask for different"),
        ({"a": "cc-by-nc-4.0"}, "mit", "does not allow mit"),
    ],
)
def test_licences_that_do_not_go_together_are_refused(sources, wanted, message):
    with pytest.raises(LicenceError, match=message):
        licence_of_the_whole(sources, wanted)


def test_an_unknown_licence_for_the_whole_is_refused():
    with pytest.raises(ConfigError, match="'wtf' is not known"):
        licence_of_the_whole({"a": "mit"}, "wtf")
