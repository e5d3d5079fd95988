"""The model card of a restored model: metadata that the Hub reads, and a page that people read.

The same content gives the same card: it holds no time and no path.
"""

import json
from pathlib import Path
from typing import Any

from ..annotate.engines.vllm_support import stored_type, unserved
from ..datasets.errors import InputError
from ..datasets.hub import is_repo_id
from ..datasets.markdown import Markdown, fenced, inline, template
from ..datasets.store import write_text
from .config import Settled
from .restoration import PROVENANCE, Restoration

CARD = "README.md"
TRAINING = "training.json"
TAGS = ("firstfault", "quantization", "lora", "mathematics")


def write_card(adapter: Path, made: Restoration) -> Path:
    """Write the card of what `train` made, and beside it the same for programs.

    Returns:
        The card's path.

    Raises:
        InputError: If the folder holds no account of the training.
    """
    path = adapter / CARD
    write_text(adapter / PROVENANCE, made.model_dump_json(indent=1) + "\n")
    write_text(path, render(made, read_account(adapter)))
    return path


def read_account(adapter: Path) -> dict[str, Any]:
    """Read what `train` wrote about itself.

    Raises:
        InputError: If that is missing or broken.
    """
    path = adapter / TRAINING
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"{path}: missing or broken", hint="Give what `firstfault restore` wrote, or restore again."
        ) from None


def is_in_place(account: dict[str, Any]) -> bool:
    """Tell whether what was trained is a whole checkpoint, not an adapter, by the training's own account."""
    try:
        return account["config"]["method"] == "scales"
    except (KeyError, TypeError):
        return False


def serving(folder: Path, account: dict[str, Any], repo: str) -> str:
    """Return how vLLM serves a checkpoint restored in place, or why it does not; nothing for an adapter.

    Args:
        folder: Of the checkpoint.
        account: What `train` wrote about itself.
        repo: Id of its repository.

    Raises:
        ModelError: If the folder can't be read.
    """
    if not is_in_place(account):
        return ""
    if why := unserved(folder):
        return f"{inline(why)}; load it as follows."
    wide = " --dtype float32" if stored_type(folder) == "float32" else ""
    return fenced(f"vllm serve {_plain(repo)}{wide}", "sh")


def render(made: Restoration, account: dict[str, Any], *, repo: str | None = None, serve: str = "") -> str:
    """Return the card's text, metadata included.

    Args:
        made: What the model was made of.
        account: What `train` wrote about itself.
        repo: Id of the model's repository; the card speaks of its folder when left out.
        serve: What `serving` says, as Markdown.
    """
    config = Settled.model_validate(account["config"])
    in_place = config.method == "scales"
    page = template("restored.md.jinja").render(
        made=made,
        in_place=in_place,
        zero_points=config.zero_points,
        checkpoint_sha256=account["checkpoint_sha256"],
        pairs=account["pairs"],
        serve=Markdown(serve),
        script=fenced(_loading(made, repo, account.get("format"), in_place), "python"),
        config=fenced(_config(config), "yaml"),
        first=account["curve"][0] if account["curve"] else None,
        last=account["curve"][-1] if account["curve"] else None,
        validation=account.get("validation", []),
    )
    return f"---\n{_metadata(made, in_place).to_yaml()}\n---\n\n{page}"


def completed(text: str, made: Restoration, in_place: bool = False) -> str:
    """Return a card that a person has written on: its page as it is, with our metadata in its own.

    Raises:
        InputError: If its metadata is not YAML.
    """
    from huggingface_hub import ModelCard
    from yaml import YAMLError

    try:
        card = ModelCard(text, ignore_metadata_errors=False)
    except (ValueError, TypeError, YAMLError) as error:
        first = " ".join(str(error).split())[:200]
        raise InputError(f"{CARD}: its metadata is not understood: {first}", hint="Mend it.") from None
    for name, value in _metadata(made, in_place).to_dict().items():
        card.data[name] = value
    return str(card)


def _loading(made: Restoration, repo: str | None, form: str | None, in_place: bool) -> str:
    known = form in (None, "compressed-tensors")
    if in_place:
        return loading_script_in_place(repo, unpacking=not known)
    return loading_script(made, repo) if known else unpacking_script(made, repo)


def loading_script(made: Restoration, repo: str | None = None) -> str:
    """Return a few lines that load the restored model."""
    return f'''from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, CompressedTensorsConfig

checkpoint = "{_plain(made.checkpoint)}"  # the quantized model: its folder, or its id on the Hub
model = AutoModelForCausalLM.from_pretrained(
    checkpoint, dtype="float32", quantization_config=CompressedTensorsConfig(dequantize=True)
)
model = PeftModel.from_pretrained(model, "{_plain(repo or ".")}")
tokenizer = AutoTokenizer.from_pretrained(checkpoint)'''


def unpacking_script(made: Restoration, repo: str | None = None) -> str:
    """Return a few lines that load the restored model where transformers can't unpack the checkpoint."""
    return f'''from pathlib import Path

from firstfault.quant.formats.loading import load_unpacked  # transformers needs GPTQModel for this format
from peft import PeftModel
from transformers import AutoTokenizer

checkpoint = "{_plain(made.checkpoint)}"  # folder of the quantized model
model = PeftModel.from_pretrained(load_unpacked(Path(checkpoint), "float32"), "{_plain(repo or ".")}")
tokenizer = AutoTokenizer.from_pretrained(checkpoint)'''


def loading_script_in_place(repo: str | None = None, *, unpacking: bool = False) -> str:
    """Return a few lines that load a checkpoint that was restored in place.

    Args:
        repo: Its id on the Hub.
        unpacking: Whether transformers can't unpack its format by itself.
    """
    where = _plain(repo or ".")
    if unpacking:
        hub = "from huggingface_hub import snapshot_download\n" if repo else ""
        folder = f'snapshot_download("{where}")' if repo else f'"{where}"'
        return f"""from pathlib import Path

from firstfault.quant.formats.loading import load_unpacked  # transformers needs GPTQModel for this format
{hub}from transformers import AutoTokenizer

folder = {folder}
model = load_unpacked(Path(folder))
tokenizer = AutoTokenizer.from_pretrained(folder)"""
    return f'''from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{where}")
tokenizer = AutoTokenizer.from_pretrained("{where}")'''


def _metadata(made: Restoration, in_place: bool = False) -> Any:
    from huggingface_hub import ModelCardData

    # What is not on the Hub can't be linked to.
    linked: dict[str, Any] = {}
    if in_place and is_repo_id(made.base_model):
        linked = {"base_model": made.base_model, "base_model_relation": "quantized"}
    elif is_repo_id(made.checkpoint):
        relation = "finetune" if in_place else "adapter"
        linked = {"base_model": made.checkpoint, "base_model_relation": relation}
    return ModelCardData(
        library_name="transformers" if in_place else "peft",
        pipeline_tag="text-generation",
        license=made.licence,
        tags=[tag for tag in TAGS if not (in_place and tag == "lora")],
        datasets=[made.dataset] if is_repo_id(made.dataset) else None,
        **linked,
    )


def _config(config: Settled) -> str:
    import yaml

    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _plain(text: str) -> str:
    # Stands between quotes in a script that people run.
    return "".join(char for char in text if char.isalnum() or char in "-_./")
