from firstfault.annotate.reviews import PEOPLE, overrule, settle
from firstfault.datasets.records import ErrorType, Review, Subtype, Verdict, VerdictStatus
from hypothesis import given
from hypothesis import strategies as st


def review(reviewer, fault, kind=ErrorType.METHOD, *, at="2026-01-01T00:00:00Z", solution="s", **more):
    status = VerdictStatus.CLEAN if fault is None else VerdictStatus.FAULTY
    return Review(
        solution_id=solution,
        reviewer=reviewer,
        status=status,
        first_fault=fault,
        error_type=None if fault is None else kind,
        updated_at=at,
        **more,
    )


def unsure(reviewer):
    return Review(solution_id="s", reviewer=reviewer, status=VerdictStatus.UNSURE)


JUDGED = Verdict(solution_id="s", judge="panel", status=VerdictStatus.FAULTY, first_fault=7)


def test_agreement_settles_and_keeps_what_people_wrote():
    said = [review("a", 1, rationale="48, not 46"), review("b", 1, corrected_step="4 * 12 = 48")]
    verdict, disputed, _ = settle(said)["s"]
    assert not disputed
    assert (verdict.judge, verdict.first_fault, verdict.error_type) == (PEOPLE, 1, ErrorType.METHOD)
    assert (verdict.rationale, verdict.corrected_step) == ("48, not 46", "4 * 12 = 48")


def test_another_first_fault_is_a_dispute_and_another_type_leaves_no_type():
    assert settle([review("a", 1), review("b", 2)])["s"][:2] == (None, True)
    assert settle([review("a", 1), review("b", None)])["s"][:2] == (None, True)
    verdict, disputed, _ = settle([review("a", 1), review("b", 1, ErrorType.EXECUTION)])["s"]
    assert (verdict.first_fault, verdict.error_type, disputed) == (1, None, True)


def test_a_subtype_needs_everyone():
    same = [review(one, 1, subtype=Subtype.FORMULA) for one in "ab"]
    assert settle(same)["s"].verdict.subtype is Subtype.FORMULA
    assert settle([*same, review("c", 1)])["s"].verdict.subtype is None


def test_who_cannot_tell_does_not_decide_but_another_person_should_look():
    verdict, disputed, _ = settle([review("a", 1), unsure("b")])["s"]
    assert (verdict.first_fault, disputed) == (1, True)
    assert settle([unsure("a"), unsure("b")])["s"][:2] == (None, True)


def test_who_adjudicates_decides_alone_unless_they_cannot_tell():
    said = [review("a", 1), review("b", 2), review("c", 0, adjudicates=True)]
    assert settle(said)["s"].verdict.first_fault == 0
    assert not settle(said)["s"].disputed
    hesitant = unsure("c").model_copy(update={"adjudicates": True})
    assert settle([*said[:2], hesitant])["s"][:2] == (None, True)


def test_people_outrank_judges_and_an_open_dispute_leaves_the_judge_standing():
    (verdict,) = overrule([JUDGED], [review("a", 1), review("b", 1)])
    assert (verdict.judge, verdict.first_fault, verdict.votes) == (PEOPLE, 1, (JUDGED,))
    (verdict,) = overrule([JUDGED], [review("a", 1), review("b", 2)])
    assert (verdict.judge, verdict.first_fault, verdict.needs_review) == ("panel", 7, True)
    assert overrule([JUDGED], [review("a", 1, solution="other")]) == [JUDGED]


@given(
    st.lists(
        st.builds(
            review,
            st.sampled_from("abc"),
            st.none() | st.integers(0, 3),
            st.sampled_from(ErrorType),
            at=st.datetimes().map(str),
            adjudicates=st.booleans(),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda one: one.updated_at,
    ),
    st.randoms(),
)
def test_the_order_in_which_reviews_come_never_matters(reviews, random):
    assert settle(random.sample(reviews, len(reviews))) == settle(reviews)
