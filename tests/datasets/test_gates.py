from firstfault.datasets.funnel import Funnel
from firstfault.datasets.gates import Candidate, Judged, check, judged, made, template_of
from firstfault.datasets.overlap import References
from firstfault.datasets.records import Finish, Pair, Problem, Verdict, VerdictStatus
from hypothesis import given, settings
from hypothesis import strategies as st
from mined import candidate, pair_of, regressions, unsure

EVERY = regressions(90)
ITEMS = [item for item in EVERY if item.solution.finish is Finish.STOP]
LONGEST = 16_000


def altered(one: Candidate, **changes) -> Candidate:
    fields = {**one.pair.model_dump(), "id": "", **changes}
    return one._replace(pair=Pair.model_validate(fields))


def dropped(funnel: Funnel) -> dict[str, dict[str, int]]:
    return {gate.name: gate.dropped for gate in funnel.gates if gate.dropped}


def passes(problem: Problem, text: str) -> bool:
    return text.rstrip().endswith(f"Answer: {problem.answer}")


def test_only_faults_that_are_located_and_agreed_on_pass():
    item = ITEMS[0]
    clean = Verdict(solution_id=item.solution.id, judge="j", status=VerdictStatus.CLEAN)
    beyond = item.verdict.model_copy(update={"first_fault": 99})
    items = [
        item,
        Judged(item.problem, item.solution, clean),
        item._replace(verdict=beyond),
        unsure(ITEMS[1]),
    ]
    funnel = Funnel()
    assert list(judged(items, {}, funnel)) == [item]
    assert dropped(funnel) == {"located": {"clean": 1, "no such step": 1}, "agreed": {"needs review": 1}}
    assert list(judged(items, {}, Funnel(), agreed_only=False)) == [item, items[3]]


def test_contaminated_problems_go_and_the_test_set_is_named():
    references = {
        "held-out": References([ITEMS[0].problem]),
        "gsm8k/test": References([ITEMS[1].problem]),
    }
    funnel = Funnel()
    left = list(judged(ITEMS[:3], references, funnel))
    assert left == ITEMS[2:3]
    assert dropped(funnel) == {
        "decontaminated": {"gsm8k/test: the same question": 1, "held-out: the same question": 1}
    }


def test_faults_that_full_precision_can_not_mend_are_counted():
    funnel = Funnel()
    assert [one.problem for one in made(ITEMS[:3], [pair_of(ITEMS[1])], funnel)] == [ITEMS[1].problem]
    assert dropped(funnel) == {"continued": {"full precision does not get there": 2}}


def test_good_pairs_pass_every_gate():
    funnel = Funnel()
    good = [candidate(item) for item in ITEMS]
    kept = check(good, passes, funnel, longest=LONGEST)
    assert sorted(pair.id for pair in kept) == sorted(one.pair.id for one in good)
    assert dropped(funnel) == {}


def test_a_solution_that_only_broke_off_is_no_contrast():
    # What was cut off goes on as the right side does, as far as it goes: nothing to prefer.
    cut = [candidate(item) for item in EVERY if item.solution.finish is Finish.LENGTH]
    funnel = Funnel()
    assert check(cut, passes, funnel, longest=LONGEST) == []
    assert dropped(funnel) == {"contrasting": {"no difference at the fault": len(cut)}}
    assert cut


def test_pairs_that_do_not_contrast_go():
    one = candidate(next(item for item in ITEMS if item.verdict.first_fault))
    fault = one.solution.steps[one.pair.step]
    bad = [
        altered(one, prefix=""),
        altered(one, rejected=one.pair.rejected + "."),
        altered(one, chosen=f" {one.pair.rejected}\n"),
        altered(one, chosen=f"{fault}\nAnswer: {one.problem.answer}"),
    ]
    funnel = Funnel()
    assert check(bad, passes, funnel, longest=LONGEST) == []
    assert dropped(funnel) == {
        "contrasting": {
            "no difference": 1,
            "no difference at the fault": 1,
            "not what the variant wrote": 2,
        }
    }


def test_a_pair_of_another_solution_has_another_prefix():
    first, second = [candidate(item) for item in ITEMS if item.verdict.first_fault][:2]
    funnel = Funnel()
    assert check([first._replace(solution=second.solution)], None, funnel, longest=LONGEST) == []
    assert dropped(funnel) == {"contrasting": {"another prefix": 1}}


def test_both_sides_are_graded():
    one = candidate(ITEMS[0])
    wrong = altered(one, chosen=one.pair.chosen + "0")
    right = one._replace(problem=one.problem.model_copy(update={"answer": "no such"}))
    funnel = Funnel()
    assert check([wrong], passes, funnel, longest=LONGEST) == []
    assert check([one], lambda problem, text: True, funnel, longest=LONGEST) == []
    assert check([right], passes, funnel, longest=LONGEST) == []
    reasons = [reason for gate in funnel.gates for reason in gate.dropped]
    assert reasons == [
        "the right side misses the answer",
        "the faulty side reaches the answer",
        "the right side misses the answer",
    ]


def test_pairs_out_of_bounds_go():
    one = candidate(ITEMS[0])
    bad = [altered(one, chosen="\x1b[2J" + one.pair.chosen), altered(one, chosen=" \n")]
    funnel = Funnel()
    assert check(bad, None, funnel, longest=LONGEST) == []
    assert check([one], None, funnel, longest=20) == []
    assert dropped(funnel)["within bounds"] == {"too long": 1}
    assert funnel.gates[1].dropped == {"empty": 1, "unreadable characters": 1}


def test_repeats_and_near_repeats_go():
    one = candidate(ITEMS[0])
    near = altered(one, prompt=one.pair.prompt.replace("?", " now?"))
    again = one._replace(pair=one.pair.model_copy(update={"id": "x-other"}))
    funnel = Funnel()
    assert len(check([one, near, again], passes, funnel, longest=LONGEST)) == 1
    assert dropped(funnel) == {"distinct": {"nearly the same": 1, "the same as another": 1}}


@settings(max_examples=20, deadline=None)
@given(st.permutations(list(range(12))))
def test_the_order_of_candidates_does_not_matter(order):
    pool = [candidate(item) for item in ITEMS[:6]]
    pool += [altered(one, prompt=one.pair.prompt.replace("?", " now?")) for one in pool]
    first, second = Funnel(), Funnel()
    expected = check(pool, passes, first, longest=LONGEST)
    assert check([pool[n] for n in order], passes, second, longest=LONGEST) == expected
    assert first.gates == second.gates


def test_templates_are_the_moves_of_a_story_or_the_subject():
    assert template_of(Problem(question="q", answer="1", subject="Algebra")) == ("Algebra",)
    assert template_of(Problem(question="q", answer="1", program="no JSON")) == ()
    assert len(template_of(ITEMS[0].problem)) >= 2
