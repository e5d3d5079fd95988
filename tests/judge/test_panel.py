import pytest
from firstfault.datasets.records import Problem, Solution, Subtype
from firstfault.judge.case import Case
from firstfault.judge.config import Adaptive, JudgeConfig
from firstfault.judge.curve import Curve
from firstfault.judge.panel import PanelJudge, combine
from firstfault.judge.symbolic import SymbolicJudge
from firstfault.judge.voting import Rule
from votes import vote


class Recorder:
    """Says that step 2 is a method fault, and remembers what it was asked."""

    name = "rollout"

    def __init__(self):
        self.asked = []

    def judge(self, cases):
        self.asked += [case.solution.id for case in cases]
        for case in reversed(cases):
            yield vote("rollout", 1, subtype=Subtype.FORMULA).model_copy(
                update={"solution_id": case.solution.id}
            )


def case(*steps):
    problem = Problem(question="How many?", answer="5")
    return Case(problem, Solution(problem_id=problem.id, model="m", text="\n".join(steps), steps=steps))


def test_every_judge_sees_every_case_and_a_proof_still_bounds_the_step():
    proven, open_case = case("1 + 1 = 3", "so"), case("1 + 1 = 2", "so")
    later = Recorder()
    first, second = PanelJudge([SymbolicJudge(), later]).judge([proven, open_case])
    assert later.asked == [proven.solution.id, open_case.solution.id]
    assert (first.judge, first.first_fault, len(first.votes)) == ("panel", 0, 2)
    assert (second.judge, second.first_fault, len(second.votes)) == ("panel", 1, 2)


def test_the_same_solution_twice_gets_two_verdicts():
    twin = case("1 + 1 = 2", "so")
    assert len(list(PanelJudge([SymbolicJudge(), Recorder()]).judge([twin, twin]))) == 2


class Says:
    """Names a step, how sure it is, and what it was asked."""

    def __init__(self, name, step, confidence=None):
        self.name, self.step, self.confidence, self.asked = name, step, confidence, []

    def judge(self, cases):
        for one in cases:
            self.asked.append(one.solution.id)
            yield vote(self.name, self.step, confidence=self.confidence).model_copy(
                update={"solution_id": one.solution.id}
            )


def test_a_verdict_comes_as_soon_as_the_last_judge_has_spoken():
    cases = [case(f"1 + 1 = {number}", "so") for number in range(3)]
    first, last = Says("a", 1), Says("b", 1)
    verdicts = PanelJudge([first, last]).judged(cases)
    assert next(verdicts)[0] == 0
    assert (len(first.asked), len(last.asked)) == (3, 1)
    assert [place for place, _ in verdicts] == [1, 2]


def same(name):
    """A curve that changes nothing."""
    return Curve(judge=name, asked="", method="platt", stated=(0, 1), right=(0, 1), fitted_on=100)


OPEN = case("1 + 1 = 2", "so", "and so on")


def judged(*judges, **options):
    skipped = []
    [verdict] = PanelJudge(judges, on_skipped=skipped.append, **options).judge([OPEN])
    return verdict, [len(judge.asked) for judge in judges], sum(skipped)


def test_all_judges_are_asked_unless_told_otherwise():
    _, asked, skipped = judged(*(Says(name, 1) for name in "abcde"))
    assert (asked, skipped) == ([1] * 5, 0)


def test_an_adaptive_panel_stops_once_nothing_that_is_left_can_change_the_label():
    verdict, asked, skipped = judged(*(Says(name, 1) for name in "abcde"), adaptive=Adaptive())
    assert (asked, skipped) == ([1, 1, 1, 0, 0], 2)
    assert (verdict.first_fault, len(verdict.votes), verdict.needs_review) == (1, 3, False)


def test_an_adaptive_panel_asks_on_while_the_label_is_open():
    _, asked, skipped = judged(
        Says("a", 1), Says("b", 0), Says("c", 1), Says("d", 0), Says("e", 1), adaptive=Adaptive()
    )
    assert (asked, skipped) == ([1] * 5, 0)


def test_a_panel_that_is_sure_enough_stops():
    judges = [Says("a", 1, 0.9), Says("b", 1, 0.9), Says("c", 1, 0.9)]
    curves = {name: same(name) for name in "abc"}
    verdict, asked, _ = judged(*judges, adaptive=Adaptive(confidence=0.95), curves=curves)
    # Two of four places agree: 0.9^2 / (0.9^2 + 0.1^2 / 3).
    assert (asked, verdict.confidence) == ([1, 1, 0], pytest.approx(0.9959, abs=1e-4))
    _, asked, _ = judged(*judges, adaptive=Adaptive(confidence=0.85), curves=curves)
    assert asked == [2, 1, 0]


def test_without_a_threshold_an_adaptive_panel_goes_by_one_of_its_own_or_by_none():
    judges = [Says(name, 1, 0.9) for name in "abcdef"]
    curves = {name: same(name) for name in "abcdef"}
    verdict, _, _ = judged(*judges, adaptive=Adaptive(), curves=curves)
    assert len(verdict.votes) == 2
    verdict, _, _ = judged(*judges, adaptive=Adaptive(confidence=None), curves=curves)
    assert len(verdict.votes) == 4


def test_only_a_threshold_of_the_users_own_asks_for_a_calibration():
    config = JudgeConfig(adaptive=Adaptive())
    assert JudgeConfig.model_validate(config.model_dump()) == config
    with pytest.raises(ValueError, match="needs a calibration"):
        JudgeConfig(adaptive=Adaptive(confidence=0.9))


def test_stated_confidence_that_is_not_calibrated_stops_nothing():
    judges = [Says(name, step, 0.99) for name, step in (("a", 1), ("b", 1), ("c", 0), ("d", 1))]
    curves = {"c": same("c")}
    _, asked, _ = judged(*judges, adaptive=Adaptive(confidence=0.95), curves=curves)
    assert asked[:3] == [1, 1, 1]


def test_nobody_stops_before_the_judge_that_proves():
    sure = Says("a", 1, 0.99)
    [verdict] = PanelJudge(
        [sure, SymbolicJudge()], adaptive=Adaptive(confidence=0.6), curves={"a": same("a")}
    ).judge([case("1 + 1 = 3", "so")])
    assert (verdict.first_fault, len(verdict.votes)) == (0, 2)


def test_the_panels_own_curve_has_the_last_word_on_its_confidence():
    own = Curve(judge="panel", asked="", method="isotonic", stated=(0.5,), right=(0.7,), fitted_on=100)
    curves = {name: same(name) for name in "ab"}
    verdict, _, _ = judged(Says("a", 1, 0.9), Says("b", 1, 0.9), curves=curves, own={2: own})
    assert verdict.confidence == 0.7
    verdict, _, _ = judged(Says("a", 1, 0.9), curves=curves, own={2: own})
    assert verdict.confidence == 0.9


def test_a_calibrated_minority_that_is_surer_wins():
    votes = [
        vote("a", 1, confidence=0.95),
        vote("b", 3, confidence=0.55),
        vote("c", 3, confidence=0.5),
    ]
    assert combine(votes, 5, Rule.WEIGHTED, {"a", "b", "c"}).first_fault == 1
    assert combine(votes, 5, Rule.WEIGHTED, set()).first_fault == 3
