"""Recipes as YAML files: a `Recipe`'s own fields, or llm-compressor's format.

A file of the latter runs in llm-compressor as it is; here it is read into a `Recipe`, of which `quantize`
makes the same checkpoint. What a `Recipe` can't say is refused rather than left out.
"""

from pathlib import Path
from typing import Any, NoReturn, cast

from ..datasets.errors import ConfigError
from .recipes import SETTINGS, Method

_METHODS: dict[frozenset[str], Method] = {
    frozenset(("QuantizationModifier",)): Method.RTN,
    frozenset(("GPTQModifier",)): Method.GPTQ,
    frozenset(("AWQModifier", "QuantizationModifier")): Method.AWQ,
    frozenset(("SmoothQuantModifier", "QuantizationModifier")): Method.SMOOTHQUANT,
}
_QUANTIZING = ("QuantizationModifier", "GPTQModifier")
# The presets of llm-compressor that say the same as a scheme here.
_SCHEMES: dict[str, dict[str, Any]] = {
    "W4A16": {"scheme": "W4A16", "group_size": 128},
    "W4A16_ASYM": {"scheme": "W4A16", "group_size": 128, "symmetric": False},
    "W8A16": {"scheme": "W8A16", "group_size": 128},
    "W8A8": {"scheme": "W8A8"},
}
# What llm-compressor does where a recipe says nothing, and what is done here.
_THEIR_DEFAULTS: dict[Method, dict[str, Any]] = {
    Method.AWQ: {"duo_scaling": True},
    Method.SMOOTHQUANT: {"smoothing_strength": 0.5},
}
_OUR_DEFAULTS: dict[str, Any] = {"duo_scaling": "both", "smoothing_strength": 0.8}
_WEIGHTS = {"num_bits", "type", "symmetric", "strategy", "group_size", "observer"}


def read_recipe(path: Path) -> dict[str, Any]:
    """Read a recipe's fields, as `Recipe` takes them.

    Raises:
        ConfigError: Naming the file and what in it is missing, unknown or not made here.
    """
    import yaml

    if not path.is_file():
        raise ConfigError(f"{path}: no such file", hint="Give the path of a recipe, as in examples/recipes.")
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not YAML: {line}", hint="Mend the line that is named.") from None
    if isinstance(content, dict) and "method" in content:
        return cast(dict[str, Any], content)
    modifiers = _modifiers(content, path)
    method = _METHODS.get(frozenset(modifiers))
    if method is None:
        _refuse(
            path, f"{' with '.join(modifiers) or 'no modifier'} is not made here", "See examples/recipes."
        )
    fields: dict[str, Any] = {"method": method.value}
    settings = dict(_THEIR_DEFAULTS.get(method, {}))
    for name, arguments in modifiers.items():
        if name in _QUANTIZING:
            fields |= _scheme(arguments, settings, f"{path}: {name}")
        else:
            settings |= arguments
    known = SETTINGS[method]
    for name in settings:
        if name not in known:
            listed = ", ".join(known)
            _refuse(path, f"{name}: not read for {method}", f"Read are, besides scheme and ignore: {listed}.")
    # What is done in any case is no setting: the recipe keeps its plain name.
    said = {name: value for name, value in settings.items() if _OUR_DEFAULTS.get(name) != value}
    return {**fields, "settings": said} if said else fields


def with_recipes(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Put what recipe files say in the place of `recipe: FILE` in a configuration's variants.

    Fields beside `recipe` win over the file's. Files are relative to `folder`.

    Raises:
        ConfigError: If a file can't be read as a recipe.
    """
    variants = content.get("variants")
    if not isinstance(variants, list):
        return content
    return {**content, "variants": [_resolved(one, folder) for one in cast(list[Any], variants)]}


def _resolved(variant: Any, folder: Path) -> Any:
    if not isinstance(variant, dict) or "recipe" not in variant:
        return cast(Any, variant)
    fields = cast(dict[str, Any], variant)
    own = {name: value for name, value in fields.items() if name != "recipe"}
    return {**read_recipe(folder / str(fields["recipe"])), **own}


def _modifiers(content: Any, path: Path) -> dict[str, dict[str, Any]]:
    """Modifiers by name, whatever stages and groups they are in."""
    found: dict[str, dict[str, Any]] = {}
    for stage in _ending(_mapping(content, path), "_stage", path):
        for group in _ending(_mapping(stage, path), "_modifiers", path):
            for name, arguments in _mapping(group, path).items():
                if name in found:
                    _refuse(path, f"{name} occurs twice", "Write one recipe for each.")
                found[name] = _mapping(arguments or {}, path)
    return found


def _ending(named: dict[str, Any], end: str, path: Path) -> list[Any]:
    # llm-compressor passes over what has other names without a word.
    for name in named:
        if not str(name).endswith(end):
            _refuse(path, f"{name}: not a name that ends in {end}", "See examples/recipes.")
    return list(named.values())


def _scheme(arguments: dict[str, Any], settings: dict[str, Any], where: str) -> dict[str, Any]:
    """Scheme, group and ignored layers; what else there is goes into the settings."""
    rest = dict(arguments)
    _only_linear(rest.pop("targets", ["Linear"]), where)
    ignore = rest.pop("ignore", [])
    fields: dict[str, Any] = {"ignore": [ignore] if isinstance(ignore, str) else ignore}
    scheme, groups = rest.pop("scheme", None), rest.pop("config_groups", None)
    if (scheme is None) == (groups is None):
        _refuse(where, "needs either scheme or config_groups", "See examples/recipes.")
    if scheme is not None:
        if str(scheme) not in _SCHEMES:
            known = ", ".join(_SCHEMES)
            _refuse(where, f"scheme: {scheme!r} is not one of {known}", "Write it as config_groups.")
        fields |= _SCHEMES[str(scheme)]
    else:
        listed = _mapping(groups, where)
        if len(listed) != 1:
            _refuse(where, f"{len(listed)} config_groups, not one", "All layers are quantized alike here.")
        fields |= _group(_mapping(next(iter(listed.values())), where), settings, where)
    settings |= rest
    return fields


def _group(group: dict[str, Any], settings: dict[str, Any], where: str) -> dict[str, Any]:
    _only_linear(group.get("targets", ["Linear"]), where)
    if group.get("input_activations") or group.get("output_activations"):
        _refuse(where, "config_groups quantizes activations", "Write `scheme: W8A8` for that.")
    weights = _mapping(group.get("weights"), where)
    if unknown := sorted(set(weights) - _WEIGHTS):
        _refuse(where, f"weights: {unknown[0]}: not read here", f"Read are: {', '.join(sorted(_WEIGHTS))}.")
    if weights.get("type", "int") != "int" or weights.get("strategy", "group") != "group":
        _refuse(where, "weights: only type int with strategy group is made here", "Change these two.")
    if weights.get("observer") is not None:
        settings["observer"] = weights["observer"]
    return {
        "scheme": f"W{weights.get('num_bits', 8)}A16",
        "group_size": weights.get("group_size"),
        "symmetric": weights.get("symmetric", True),
    }


def _only_linear(targets: Any, where: str) -> None:
    if targets not in ("Linear", ["Linear"]):
        _refuse(where, f"targets: {targets!r}, not Linear", "Leave layers out with `ignore` instead.")


def _mapping(value: Any, where: Path | str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(where, "no llm-compressor recipe: stages hold groups of modifiers", "See examples/recipes.")
    return cast(dict[str, Any], value)


def _refuse(where: Path | str, what: str, hint: str) -> NoReturn:
    raise ConfigError(f"{where}: {what}", hint=hint)
