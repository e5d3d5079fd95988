from firstfault.annotate.grading import Grader
from firstfault.datasets.abacus import generate
from firstfault.datasets.injector import inject, right_solution
from firstfault.datasets.records import ErrorType, Problem, Solution, Split, Verdict, VerdictStatus
from firstfault.judge.case import Case
from firstfault.judge.inspection import PROVEN, course, inspect, prove


def looked_through(cases):
    with Grader() as grader:
        return list(inspect(cases, grader))


def test_right_and_wrong_solutions_are_inspected_alike():
    problems = generate(Split.HELD_OUT, 30, levels=(4, 5))
    cases, planted = [], {}
    for place, problem in enumerate(problems):
        found = inject(problem, 1, ErrorType.EXECUTION) if place % 3 == 0 else None
        solution = found.solution if found else right_solution(problem)
        cases.append(Case(problem, solution))
        if found is not None:
            planted[solution.id] = found.step
    found = looked_through(cases)
    assert [one.solution_id for one in found] == [case.solution.id for case in cases]
    assert planted
    for case, one in zip(cases, found, strict=True):
        step = planted.get(one.solution_id)
        assert one.proven.first_fault == step
        assert one.truth is not None
        assert one.truth.first_fault == step
        assert (one.search is not None) == (case.solution.correct is False)
        assert one.proven.judge == PROVEN


def test_without_a_program_there_is_no_truth():
    problem = Problem(question="What is 2 + 3?", answer="5")
    solution = Solution(
        problem_id=problem.id, model="m", text="2 + 3 = 6", steps=("2 + 3 = 6",), correct=False
    )
    [one] = looked_through([Case(problem, solution)])
    assert one.truth is None
    assert one.proven.first_fault == 0


def test_of_two_proven_faults_the_earlier_one_counts():
    problem = Problem(question="q", answer="5")
    lines = ["We take 2 + 3 = 5 of them.", "We take 2 + 3 = 5 of them.", "Then 5 + 1 = 7 are there."]
    for order, step, kind in ((lines, 1, ErrorType.DEGENERATE), (lines[::-1], 0, ErrorType.EXECUTION)):
        solution = Solution(
            problem_id="p", model="m", text="\n".join(order), steps=tuple(order), correct=False
        )
        [verdict] = prove([Case(problem, solution)])
        assert (verdict.first_fault, verdict.error_type) == (step, kind)


def test_a_course_knows_the_closing_answer_and_what_it_can_not_say():
    def solution(*steps, correct=True):
        return Solution(problem_id="p", model="m", text="\n".join(steps), steps=steps, correct=correct)

    def verdict(status, fault=None):
        return Verdict(solution_id="s", judge="j", status=status, first_fault=fault)

    clean, faulty = verdict(VerdictStatus.CLEAN), verdict(VerdictStatus.FAULTY, 1)
    assert course(solution("Step 1: 2", "Answer: 2"), clean) == (2, None, 1, True)
    assert course(solution("Step 1: 2", "Step 2: 3"), faulty) == (2, 1, 2, True)
    assert course(solution("Step 1: 2", "Step 2: 3"), verdict(VerdictStatus.UNSURE)) == (2, None, 2, True)
    assert course(solution("Answer: 2"), clean) == (1, None, 1, True)
    assert course(solution(), clean) is None
    assert course(solution("one"), faulty) is None
    assert course(solution("a", "b", correct=None), clean) is None
    assert course(solution("a"), verdict(VerdictStatus.UNSCORED)) is None
