"""The dataset card: metadata that the Hub reads, and a page that people read.

Everything from models, problems and configurations is escaped or fenced (`markdown`). The same set gives the
same card: it holds no time and no path.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .markdown import Markdown, fenced, template
from .provenance import Provenance
from .records import ErrorType, Interval, Pair, Record
from .showing import clip
from .subsets import KINDS, PARTS, Part
from .taxonomy import kind_of

CITATION = """@article{li2025quantization,
  title   = {Quantization Meets Reasoning: Exploring and Mitigating Degradation of Low-Bit LLMs
             in Mathematical Reasoning},
  author  = {Li, Zhen and Su, Yupeng and Wang, Songmiao and Yang, Runming and Xie, Congkai and Liu, Aofan
             and Li, Ming and Cao, Jiannong and Xie, Yuan and Wong, Ngai and Yang, Hongxia},
  journal = {arXiv preprint arXiv:2505.11574},
  year    = {2025}
}"""
TAGS = ("preference", "dpo", "trl", "quantization", "mathematics", "process-supervision", "firstfault")
_TRAINED_ON = {
    "preference": "prompt, chosen, rejected",
    "sft": "prompt, completion",
    "stepwise": "prompt, completions, labels",
    "verdicts": "none: everything that was judged, with provenance",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LONGEST = 400


def render(
    made: Provenance, parts: Sequence[Part], info: Mapping[str, Any], *, repo: str, licence: str
) -> str:
    """Return the card's text, metadata included.

    Args:
        made: Where the set comes from.
        parts: All of it.
        info: `dataset_info` of every subset, as `release` computes it.
        repo: Id of the repository, as it stands in commands.
        licence: Identifier of the dataset's licence.
    """
    from huggingface_hub import DatasetCardData

    by_subset = {(one.subset, one.part): one.rows for one in parts}
    train = [row for row in by_subset["preference", "train"] if isinstance(row, Pair)]
    test = [row for row in by_subset["preference", "test"] if isinstance(row, Pair)]
    rows = sum(len(one.rows) for one in parts)
    metadata: Any = DatasetCardData(
        language="en",
        license=licence,
        pretty_name=title(made.base_model, made.variant),
        annotations_creators=["machine-generated", *(["expert-generated"] if made.reviews else [])],
        language_creators=["machine-generated"],
        multilinguality="monolingual",
        size_categories=next((name for most, name in _SIZES if rows < most), "n>1M"),
        source_datasets=_source_datasets(made),
        task_categories=["text-generation"],
        tags=list(TAGS),
        configs=[
            {
                "config_name": subset,
                "data_files": [{"split": part, "path": Part(subset, part, ()).path} for part in PARTS],
                **({"default": True} if place == 0 else {}),
            }
            for place, subset in enumerate(KINDS)
        ],
        dataset_info=[dict(info[subset]) for subset in KINDS],
    )
    page = template("card.md.jinja").render(
        made=made,
        title=title(made.base_model, made.variant),
        pairs={"train": len(train), "test": len(test)},
        subsets=[
            {
                "name": subset,
                "columns": _TRAINED_ON[subset],
                **{part: len(by_subset[subset, part]) for part in PARTS},
            }
            for subset in KINDS
        ],
        kinds=_kinds([*train, *test]),
        levels=sorted(Counter(_level(pair) for pair in (*train, *test)).items()),
        has_margins=any(pair.margin_variant is not None for pair in train),
        examples=[_example(subset, by_subset[subset, "train"]) for subset in KINDS],
        command=fenced(f"firstfault restore --model {made.variant} --dataset {repo} --out restored", "sh"),
        script=fenced(training_script(made, repo), "python"),
        citation=fenced(CITATION, "bibtex"),
        only=_only(made),
        licence=licence,
        percent=_percent,
        share=_share,
    )
    return f"---\n{metadata.to_yaml()}\n---\n\n{page}"


def training_script(made: Provenance, repo: str) -> str:
    """Return a few lines of plain TRL that train on the set."""
    return f'''from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig
from trl import DPOConfig, DPOTrainer

folder = "{_plain(made.variant)}"  # your quantized checkpoint
model = AutoModelForCausalLM.from_pretrained(
    folder, dtype="float32", quantization_config=CompressedTensorsConfig(dequantize=True)
)
pairs = load_dataset("{_plain(repo)}", "preference", split="train")
how = DPOConfig("restored", loss_type=["sigmoid", "sft"], loss_weights=[0.01, 1.0], beta=1.0, bf16=False,
                learning_rate=7e-4, num_train_epochs=4, per_device_train_batch_size=16, report_to="none")
trainer = DPOTrainer(model, args=how, train_dataset=pairs,
                     processing_class=AutoTokenizer.from_pretrained(folder),
                     peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
trainer.train()
trainer.save_model()'''


def title(base_model: str, variant: str) -> str:
    """Return what the set of a variant is called."""
    return f"Silver Bullet: {base_model}, {variant}"


def _plain(text: str) -> str:
    # Stands between quotes in a script that people run.
    return "".join(char for char in text if char.isalnum() or char in "-_./")


def _source_datasets(made: Provenance) -> list[str]:
    return ["original" if source.name == "abacus" else f"extended|{source.name}" for source in made.sources]


def _kinds(pairs: Sequence[Pair]) -> list[dict[str, object]]:
    counts = Counter(pair.error_type for pair in pairs)
    found: list[dict[str, object]] = [
        {"name": kind.value, "count": counts[kind], "definition": kind_of(kind).definition}
        for kind in ErrorType
        if counts[kind]
    ]
    if counts[None]:
        found.append(
            {"name": "not typed", "count": counts[None], "definition": "Found, but not of what kind."}
        )
    return found


def _level(pair: Pair) -> str:
    return "unknown" if pair.level is None else str(pair.level)


def _example(subset: str, rows: Sequence[Record]) -> dict[str, object]:
    kind = KINDS[subset]
    if rows:
        shown = {name: _short(value) for name, value in rows[0].model_dump(mode="json").items()}
        text = fenced(json.dumps(shown, indent=1, ensure_ascii=False), "json")
    else:
        text = Markdown("There is none.")
    columns = [
        # Written by us, as Markdown.
        (name, Markdown(" ".join((field.description or _UNDESCRIBED[name]).split())))
        for name, field in kind.model_fields.items()
    ]
    return {"name": subset, "text": text, "columns": columns}


_UNDESCRIBED = {
    "problem_id": "Stable id of the problem.",
    "solution_id": "Stable id of the faulty solution.",
    "pair_id": "Stable id of the preference.",
    "error_type": "Kind of the first fault; see the table of error types.",
    "subtype": "Finer kind.",
    "chosen_from": "Where the right continuation comes from: full precision, or a judge's correction.",
    "question": "The question, without chat template.",
    "source": "The problem set.",
    "licence": "Of the problem.",
    "level": "Difficulty.",
    "subject": "Subject of the problem.",
    "steps": "Its steps in order.",
    "finish": "Why the solution ended.",
    "status": "`faulty`, `clean`, `unsure` or `unscored`.",
    "rationale": "Why.",
    "corrected_step": "What the faulty step should be.",
    "confidence": "Of the verdict, from 0 to 1.",
    "needs_review": "Whether people should look.",
}


def _short(value: object) -> object:
    if isinstance(value, str):
        return clip(value, _LONGEST)
    if isinstance(value, list):
        listed: list[object] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [_short(one) for one in listed[:4]] + (
            [f"({len(listed) - 4} more)"] if len(listed) > 4 else []
        )
    if isinstance(value, dict):
        named: dict[str, object] = dict(value)  # pyright: ignore[reportUnknownArgumentType]
        return {name: _short(one) for name, one in named.items()}
    return value


def _only(made: Provenance) -> str:
    names = " and ".join(source.name for source in made.sources)
    return f"All problems are {names}: other problems, languages and longer texts were not looked at."


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _share(share: Interval | None) -> Markdown:
    if share is None:
        return Markdown("–")
    return Markdown(f"{_percent(share.value)} ({_percent(share.low)} to {_percent(share.high)})")
