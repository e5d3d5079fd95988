import pytest
from firstfault.datasets.records import ErrorType, Usage, Verdict, VerdictStatus
from firstfault.judge.bench import Marked, harmonic_mean, score
from firstfault.judge.item import truth
from firstfault.judge.processbench import read_cases


def verdict(step=None, error_type=None, status=None):
    status = status or (VerdictStatus.CLEAN if step is None else VerdictStatus.FAULTY)
    return Verdict(solution_id="s", judge="j", status=status, first_fault=step, error_type=error_type)


UNSURE = verdict(status=VerdictStatus.UNSURE)
UNSCORED = verdict(status=VerdictStatus.UNSCORED)


def test_f1_is_the_harmonic_mean_of_the_two_accuracies_in_percent():
    scores = score(
        [
            Marked(verdict(2), verdict(2)),
            Marked(verdict(2), verdict(3)),
            Marked(verdict(2), verdict(4)),
            Marked(verdict(0), UNSURE),
            Marked(verdict(), verdict()),
            Marked(verdict(), verdict(0)),
        ]
    )
    assert (scores.items, scores.faulty, scores.clean) == (6, 4, 2)
    assert (scores.accuracy_faulty, scores.accuracy_clean, scores.within_one) == (25.0, 50.0, 50.0)
    assert scores.f1.value == pytest.approx(2 * 25 * 50 / 75)
    assert scores.f1.low <= scores.f1.value <= scores.f1.high


def test_no_verdict_counts_as_wrong_on_either_side_and_is_told():
    marked = [Marked(t, v) for t in (verdict(1), verdict()) for v in (UNSURE, UNSCORED, None)]
    scores = score(marked)
    assert (scores.accuracy_faulty, scores.accuracy_clean, scores.f1.value) == (0.0, 0.0, 0.0)
    assert (scores.unsure, scores.unscored) == (2, 4)
    assert scores.status.kappa.value == 0
    assert scores.status.alpha is None


def test_scores_over_nothing_are_none():
    scores = score([Marked(verdict(1), verdict(1))])
    assert (scores.accuracy_faulty, scores.accuracy_clean, scores.f1) == (100.0, None, None)
    assert score([]).accuracy_faulty is None
    assert score([Marked(UNSURE, verdict(1))]).items == 0


def test_the_confusion_counts_what_is_said_of_each_labelled_type():
    method, execution = ErrorType.METHOD, ErrorType.EXECUTION
    said = [
        verdict(1, method),
        verdict(4, method),
        verdict(1, execution),
        verdict(1),
        verdict(),
        UNSURE,
        None,
    ]
    scores = score([*(Marked(verdict(1, method), one) for one in said), Marked(verdict(1), verdict(1))])
    assert scores.confusion == {
        "method": {"method": 2, "execution": 1, "no type": 1, "clean": 1, "no verdict": 2}
    }


def test_agreement_on_types_is_over_labelled_types_alone():
    types = [ErrorType.METHOD, ErrorType.EXECUTION, ErrorType.REASONING]
    scores = score(
        [Marked(verdict(1, one), verdict(1, one)) for one in types] + [Marked(verdict(), verdict(3))]
    )
    assert scores.error_type.kappa.value == 1
    assert scores.first_fault.kappa.value < 1


def test_the_same_seed_gives_the_same_intervals():
    marked = [Marked(verdict(n % 3 or None), verdict(n % 2 or None)) for n in range(40)]
    assert score(marked, seed=1) == score(marked, seed=1)
    assert score(marked, seed=1).f1 != score(marked, seed=2).f1


@pytest.mark.parametrize("name", ["gsm8k", "math"])
def test_hand_made_predictions_on_real_labels_give_what_the_authors_formula_gives(data, name):
    import numpy as np

    items = [i for i in read_cases(data / "processbench-dev" / f"{name}.json") if truth(i) is not None]
    assert len(items) == {"gsm8k": 200, "math": 500}[name]
    # Wrong by one, right, nothing or clean, in turn.
    predictions = [(item.label + 1, item.label, None, -1, item.label)[n % 5] for n, item in enumerate(items)]
    marked = [
        Marked(truth(i), None if p is None else verdict(None if p < 0 else p))
        for i, p in zip(items, predictions, strict=True)
    ]
    rows = [{"label": i.label, "match": p == i.label} for i, p in zip(items, predictions, strict=True)]
    # As in the authors' evaluation: means of matches on the two groups, in percent, and their F1.
    faulty = np.mean([row["match"] for row in rows if row["label"] != -1]) * 100
    clean = np.mean([row["match"] for row in rows if row["label"] == -1]) * 100
    scores = score(marked)
    assert scores.accuracy_faulty == pytest.approx(faulty)
    assert scores.accuracy_clean == pytest.approx(clean)
    assert scores.f1.value == pytest.approx(2 * faulty * clean / (faulty + clean))
    assert 0 < scores.accuracy_faulty < scores.within_one
    perfect = score([Marked(truth(item), truth(item)) for item in items])
    assert (perfect.f1.value, perfect.within_one, perfect.first_fault.alpha.value) == (100, 100, 1)


USED = Usage(requests=1, prompt_tokens=90, completion_tokens=10)


def used(step=None, *, usd=None):
    return Marked(verdict(2), verdict(step).model_copy(update={"usage": USED}), usd)


def test_what_wrong_verdicts_took_is_part_of_what_a_right_one_costs():
    cost = score([used(2, usd=0.25), used(2, usd=0.5), used(1, usd=0.25), Marked(verdict(), None)]).cost
    assert (cost.right, cost.requests, cost.tokens, cost.usd) == (2, 3, 300, 1.0)
    assert (cost.tokens_per_right, cost.usd_per_right) == (150.0, 0.5)


def test_one_unknown_price_makes_the_sum_unknown_and_leaves_the_tokens():
    cost = score([used(2, usd=0.25), used(2)]).cost
    assert (cost.usd, cost.usd_per_right, cost.tokens_per_right) == (None, None, 100.0)


def test_without_a_right_verdict_or_its_usage_there_is_no_cost_of_one():
    wrong = score([used(1, usd=0.25)]).cost
    assert (wrong.usd, wrong.tokens_per_right, wrong.usd_per_right) == (0.25, None, None)
    assert score([used(2), used(2)._replace(has_usage=False)]).cost is None
    assert score([Marked(verdict(2), None)]).cost is None


def test_f1_of_a_judge_that_calls_everything_faulty_is_zero():
    assert harmonic_mean(80.0, 0.0) == 0.0
    assert harmonic_mean(0.0, 0.0) == 0.0
