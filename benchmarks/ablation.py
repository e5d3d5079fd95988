"""What of the Silver Bullet set does the work: the same training with other pairs, and other training.

Writes a file of pairs per way of restoring, and a matrix that restores with each. The run's pairs must be
more than are chosen, so that there is something to choose from: `curate: {size: 10000}` keeps all, in the
order in which they are chosen.

    firstfault run examples/ablation.yaml --out RUN
    python benchmarks/ablation.py RUN --out FOLDER [--pairs 332] [--threads 2]
    firstfault restore --matrix FOLDER/ablation.yaml --out FOLDER/matrix
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
import yaml
from firstfault.annotate.engines.engine import Prompt
from firstfault.annotate.engines.loading import load_tokenizer
from firstfault.annotate.engines.transformers import TransformersEngine
from firstfault.annotate.grading import Grader
from firstfault.annotate.steps import prefix_before
from firstfault.datasets.coverage import cover
from firstfault.datasets.records import ErrorType, Finish, Pair, Problem, Solution, Split
from firstfault.datasets.store import read_records, write_records, write_text
from firstfault.loop.folder import FULL_PRECISION, RunFolder
from firstfault.loop.models import Models, reaches

RELEASED = Path(__file__).resolve().parents[1] / "examples" / "silver-bullet"
LIKELIHOOD = {"preference_weight": 0.0}
"""Of ways that have nothing to reject."""
WHOLE_DPO = {
    "rejected": "solution",
    "preference_weight": 1.0,
    "sft_weight": 0.0,
    "beta": 0.1,
    "learning_rate": 1e-4,
    "epochs": 2.0,
}
"""Plain DPO of whole solutions, as TRL has it."""


class Ablation:
    """The pairs of a run, and what can be made in their place."""

    def __init__(self, run: Path, count: int) -> None:
        self.folder = RunFolder(run)
        self.config = self.folder.read_config()
        self.models = Models(self.config, self.folder)
        self.variant = self.config.main.name
        self.count = count
        self.pool = read_records(self.folder.pairs_path(self.variant), Pair)
        self.problems = {one.id: one for one in self.folder.problems(Split.MINING)}
        self.wrong = {one.id: one for one in self.folder.solutions(self.variant, Split.MINING)}
        self.tokenizer = load_tokenizer(self.models.base)

    def selected(self) -> list[Pair]:
        """The first ones: each adds most to those before it."""
        return self.pool[: self.count]

    def random(self) -> list[Pair]:
        """As many at random."""
        return Random(1).sample(self.pool, min(self.count, len(self.pool)))

    def of_type(self, *types: ErrorType) -> list[Pair]:
        """As many of some error types only, chosen as the selected ones are."""
        return cover([pair for pair in self.pool if pair.error_type in types], self.count)

    def at_random_steps(self) -> list[Pair]:
        """The selected solutions, cut at a step that is not the fault.

        Steps are tried in random order; the first from which full precision reaches the answer is taken.
        """
        left = {
            pair.id: (pair, self._other_steps(pair, number)) for number, pair in enumerate(self.selected())
        }
        made: dict[str, Pair] = {}
        with Grader() as grader:
            reach = reaches(grader)
            while left:
                asked = {key: (pair, steps.pop()) for key, (pair, steps) in left.items() if steps}
                prefixes = {key: self._prefix(pair, step) for key, (pair, step) in asked.items()}
                prompts = [
                    Prompt(key, self.problems[pair.problem_id].question, prefixes[key])
                    for key, (pair, _) in asked.items()
                ]
                for one in self._full_precision(prompts):
                    pair, step = asked[one.key]
                    problem = self.problems[pair.problem_id]
                    if one.finish is Finish.STOP and reach(problem, prefixes[one.key] + one.text):
                        made[one.key] = self._pair(pair, problem, step, prefixes[one.key], one.text)
                left = {key: entry for key, entry in left.items() if key not in made and entry[1]}
        return [made[pair.id] for pair in self.selected() if pair.id in made]

    def whole_solutions(self) -> list[Pair]:
        """Full precision's own solutions of the same problems against the variant's."""
        right = {one.problem_id: one for one in self.folder.solutions(FULL_PRECISION, Split.MINING)}
        return [
            self._pair(pair, self.problems[pair.problem_id], 0, "", right[pair.problem_id].text)
            for pair in self.selected()
        ]

    def self_distillation(self) -> list[Pair]:
        """Full precision's outputs on any mining problems, right or wrong, of as many tokens together."""
        budget = sum(self._learnt_tokens(pair) for pair in self.selected())
        any_of_them = Random(2).sample(list(self.problems.values()), 2 * self.count)
        outputs = {
            one.key: one.text
            for one in self._full_precision([Prompt(one.id, one.question) for one in any_of_them])
            if one.finish is Finish.STOP
        }
        made: list[Pair] = []
        for problem in any_of_them:
            if problem.id not in outputs or budget <= 0:
                continue
            pair = Pair(
                prompt=self.models.renderer()(problem.question, ""),
                chosen=outputs[problem.id],
                rejected=outputs[problem.id],
                problem_id=problem.id,
                solution_id=problem.id,
                model=self.variant,
                step=0,
                steps=1,
                # Without an end the two sides are the same, so there is no preference between them.
                finish=Finish.LENGTH,
            )
            budget -= self._learnt_tokens(pair)
            made.append(pair)
        return made

    def _other_steps(self, pair: Pair, number: int) -> list[int]:
        steps = [step for step in range(pair.steps) if step != pair.step]
        Random(number).shuffle(steps)
        return steps

    def _prefix(self, pair: Pair, step: int) -> str:
        solution = self._solution(pair)
        return prefix_before(solution.text, solution.steps, step)

    def _solution(self, pair: Pair) -> Solution:
        return self.wrong[pair.solution_id]

    def _pair(self, pair: Pair, problem: Problem, step: int, prefix: str, chosen: str) -> Pair:
        return pair.model_copy(
            update={
                "prompt": self.models.renderer()(problem.question, prefix),
                "chosen": chosen,
                "rejected": self._solution(pair).text[len(prefix) :].rstrip(),
                "prefix": prefix,
                "step": step,
            }
        )

    def _learnt_tokens(self, pair: Pair) -> int:
        tokenizer: Any = self.tokenizer
        return len(tokenizer(pair.prefix + pair.chosen, add_special_tokens=False)["input_ids"]) + 1

    def _full_precision(self, prompts: Sequence[Prompt]) -> Iterator[Any]:
        engine = TransformersEngine.load(
            self.models.base, name=FULL_PRECISION, batch_size=128, prompt_format=self.config.prompt
        )
        yield from engine.generate(prompts, self.config.sampling)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=332)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(arguments.threads)
    ablation = Ablation(arguments.run, arguments.pairs)
    others = [kind for kind in ErrorType if kind is not ErrorType.EXECUTION]
    whole, elsewhere = ablation.whole_solutions(), ablation.at_random_steps()
    cut = {pair.solution_id for pair in elsewhere}
    ways: dict[str, tuple[list[Pair], dict[str, Any]]] = {
        "selected": (ablation.selected(), {}),
        "random": (ablation.random(), {}),
        "random-step": (elsewhere, {}),
        # What those are to be compared with: a fault in the first step can't be cut elsewhere.
        "same-solutions": ([pair for pair in ablation.selected() if pair.solution_id in cut], {}),
        "execution-only": (ablation.of_type(ErrorType.EXECUTION), {}),
        "other-types-only": (ablation.of_type(*others), {}),
        "sft": (whole, LIKELIHOOD),
        "self-distillation": (ablation.self_distillation(), LIKELIHOOD),
        "logit-distillation": (whole, {**LIKELIHOOD, "target": "distribution"}),
        "states": (ablation.selected(), {"target": "states"}),
        "whole-dpo": (whole, WHOLE_DPO),
    }
    out: Path = arguments.out.resolve()
    for name, (pairs, _) in ways.items():
        write_records(out / "pairs" / f"{name}.parquet", pairs)
        places = Counter(pair.error_type.value if pair.error_type else "" for pair in pairs)
        tokens = sum(ablation._learnt_tokens(pair) for pair in pairs)
        print(f"{name}: {len(pairs)} pairs, {tokens} tokens to learn, {dict(places)}")
    faults = {pair.solution_id: pair.step for pair in ablation.selected()}
    before = sum(pair.step < faults[pair.solution_id] for pair in elsewhere)
    print(f"of the pairs at random steps {before} are cut before the fault")
    matrix = {
        "models": [
            {
                "name": ablation.variant,
                "checkpoint": str(ablation.folder.variant(ablation.variant).resolve()),
                "base": str(ablation.models.base.resolve()),
            }
        ],
        "datasets": [
            {"name": name, "pairs": str(out / "pairs" / f"{name}.parquet"), "restore": settings}
            for name, (_, settings) in ways.items()
        ]
        + [{"name": "released", "pairs": str(RELEASED)}],
        "restore": {"target": "token"},
        "seeds": list(range(arguments.seeds)),
        "validation": {"abacus": 100, "seed": 777},
        "threads": arguments.threads,
    }
    write_text(out / "ablation.yaml", yaml.safe_dump(matrix, sort_keys=False))


if __name__ == "__main__":
    main()
