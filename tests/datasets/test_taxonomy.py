from firstfault.datasets.records import SUBTYPES, ErrorType
from firstfault.datasets.taxonomy import TAXONOMY, Axis, axis_of, guidelines, kind_of, type_of
from firstfault.judge.contrast import type_fault


def test_every_type_and_subtype_is_defined_once():
    assert sorted(kind.error_type for kind in TAXONOMY) == sorted(ErrorType)
    for error_type, subtypes in SUBTYPES.items():
        assert tuple(sub.subtype for sub in kind_of(error_type).subkinds) == subtypes
        assert {type_of(subtype) for subtype in subtypes} == {error_type}


def test_every_definition_has_words_and_an_example():
    for kind in TAXONOMY:
        assert kind.definition
        assert kind.hint
        for subkind in kind.subkinds:
            assert subkind.definition
            assert subkind.example.faulty != subkind.example.right


def test_the_axes_split_computing_from_planning():
    assert axis_of(ErrorType.EXECUTION) is Axis.NUMERICAL_COMPUTATION
    assert {axis_of(kind) for kind in (ErrorType.CONCEPTUAL, ErrorType.METHOD, ErrorType.REASONING)} == {
        Axis.REASONING_PLANNING
    }
    assert axis_of(ErrorType.DEGENERATE) is None
    assert axis_of(None) is None


def test_the_worked_examples_of_word_problems_are_typed_as_they_stand():
    for kind in TAXONOMY:
        for subkind in kind.subkinds:
            example = subkind.example
            if example.question.startswith("Mia") and kind.error_type is not ErrorType.DEGENERATE:
                fault = type_fault(
                    example.question, example.before.splitlines(), example.faulty, example.right
                )
                assert fault.error_type is kind.error_type


def test_the_guidelines_name_every_subtype():
    text = guidelines()
    assert all(subtype.value in text for subtypes in SUBTYPES.values() for subtype in subtypes)
