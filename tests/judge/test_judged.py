"""Rows of judged items."""

from firstfault.judge.item import ItemCase, as_case
from firstfault.judge.judged import judge_items
from firstfault.judge.members import Member
from firstfault.judge.panel import PanelJudge
from firstfault.judge.symbolic import SymbolicJudge


def test_two_solutions_of_one_id_keep_their_own_verdicts():
    wrong = as_case("What is 2 + 2?", ("2 + 2 = 5", "The answer is 5"), source="x")
    right = as_case("What is 2 + 2?", ("2 + 2 = 4", "The answer is 4"), source="x")
    twin = right._replace(solution=right.solution.model_copy(update={"id": wrong.solution.id}))
    items = [ItemCase("a", wrong), ItemCase("none", None, "no steps"), ItemCase("b", twin)]
    judge = SymbolicJudge()
    rows = judge_items(items, PanelJudge([judge]), [Member(judge)]).rows
    assert [(row.id, row.status.value) for row in rows] == [
        ("a", "faulty"),
        ("none", "unscored"),
        ("b", "unsure"),
    ]
