"""Whether problems may be passed on in a derived dataset, and under which licence.

This is a guard against plain mistakes, not legal advice: it knows common licences by their identifiers on the
Hub and refuses what it does not know until the user states it.
"""

import re
from collections.abc import Iterable, Mapping

from .errors import ConfigError, FirstFaultError
from .records import Problem

# fmt: off
PERMISSIVE = frozenset((
    "apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "unlicense", "odc-by", "pddl",
    "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cdla-permissive-1.0", "cdla-permissive-2.0",
))
"""May be passed on under another licence, with attribution."""
SAME_LICENCE = frozenset((
    "cc-by-sa-3.0", "cc-by-sa-4.0", "odbl", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0", "gpl-3.0", "agpl-3.0", "cdla-sharing-1.0",
))
"""May be passed on under the same licence only: share-alike, or for no commercial use."""
FORBIDDEN = frozenset((
    "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "proprietary", "all-rights-reserved",
))
"""May not be passed on in altered form, or at all."""
# fmt: on
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.+-]*")


class LicenceError(FirstFaultError):
    """A source that may not be published, or whose licence is not known."""


def identifier(licence: str) -> str:
    """Return a licence's identifier as the Hub writes it, e.g. `cc-by-4.0` for `CC BY 4.0`."""
    plain = "-".join(licence.strip().lower().replace("_", " ").replace("license", "").split())
    plain = plain.strip("-").removeprefix("the-")
    return {"apache": "apache-2.0", "cc0": "cc0-1.0", "public-domain": "cc0-1.0"}.get(plain, plain)


def licences_of(problems: Iterable[Problem], stated: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return each source's licence, by name, as an identifier.

    Args:
        problems: All problems of which something is published.
        stated: Licences by source, as the user states them; they fill in what the problems don't say.

    Raises:
        LicenceError: If a source has no licence, an unknown one, two, or one that forbids publishing.
    """
    stated = stated or {}
    found: dict[str, set[str]] = {}
    for problem in problems:
        licence = problem.licence or stated.get(problem.source)
        found.setdefault(problem.source, set()).add(identifier(licence) if licence else "")
    for source, licences in sorted(found.items()):
        if "" in licences:
            raise LicenceError(
                f"problems of {source!r} name no licence",
                hint=f"If they may be published, state it: --licence-of {source}=mit",
            )
        if len(licences) > 1:
            raise LicenceError(
                f"problems of {source!r} have several licences: {', '.join(sorted(licences))}",
                hint="Give them a source each.",
            )
        (licence,) = licences
        if licence in FORBIDDEN:
            raise LicenceError(
                f"problems of {source!r} are under {licence}, which forbids publishing what is made of them",
                hint="Leave that source out.",
            )
        if licence not in PERMISSIVE | SAME_LICENCE:
            raise LicenceError(
                f"problems of {source!r} are under {licence!r}, which is not known here",
                hint=f"If they may be published, state a licence that is: --licence-of {source}=cc-by-4.0",
            )
    return {source: next(iter(licences)) for source, licences in sorted(found.items())}


def licence_of_a_model(base: str, stated: str | None, wanted: str | None) -> str:
    """Choose the licence of a model that was made of another one.

    Models have licences of their own by the dozen; what is not known here is taken as it is written.

    Args:
        base: Name of the other one.
        stated: Its licence, as its own card states it.
        wanted: What the user wants; `None` for that of the other one.

    Raises:
        LicenceError: If neither is known, or the other one's licence forbids it or asks for another.
        ConfigError: If what is wanted can't be an identifier.
    """
    bound = identifier(stated) if stated else None
    if bound in FORBIDDEN:
        raise LicenceError(
            f"{base} is under {bound}, which forbids publishing what is made of it",
            hint="Keep it to yourself.",
        )
    choice = identifier(wanted) if wanted else bound
    if choice is None:
        raise LicenceError(
            f"the licence of {base} is not known", hint="State the model's: --licence apache-2.0"
        )
    if not _IDENTIFIER.fullmatch(choice):
        raise ConfigError(f"licence {choice!r} is no identifier", hint="Write it as the Hub does: apache-2.0")
    if bound in SAME_LICENCE and choice != bound:
        raise LicenceError(f"{base} is under {bound}, which does not allow {choice}", hint=f"Use {bound}.")
    return choice


def licence_of_the_whole(sources: Mapping[str, str], wanted: str | None) -> str:
    """Choose the dataset's licence.

    Args:
        sources: Licences by source, as `licences_of` returns them.
        wanted: What the user wants; `None` for what the sources ask for.

    Raises:
        LicenceError: If the sources ask for different ones, or for another than wanted.
        ConfigError: If what is wanted is not known.
    """
    bound = sorted({licence for licence in sources.values() if licence in SAME_LICENCE})
    if len(bound) > 1:
        raise LicenceError(
            f"the sources ask for different licences: {', '.join(bound)}",
            hint="Publish them separately.",
        )
    choice = identifier(wanted) if wanted else None
    if choice is not None and choice not in PERMISSIVE | SAME_LICENCE:
        known = ", ".join(sorted(PERMISSIVE | SAME_LICENCE))
        raise ConfigError(f"licence {wanted!r} is not known", hint=f"Known are {known}.")
    if bound:
        if choice not in (None, bound[0]):
            source = next(name for name, licence in sources.items() if licence == bound[0])
            raise LicenceError(
                f"{source!r} is under {bound[0]}, which does not allow {choice}",
                hint=f"Publish under {bound[0]}.",
            )
        return bound[0]
    if choice is not None:
        return choice
    every = sorted(set(sources.values()))
    if len(every) == 1:
        return every[0]
    raise LicenceError(
        f"the sources have different licences: {', '.join(every) or 'none'}",
        hint="Choose one with --licence, e.g. cc-by-4.0.",
    )
