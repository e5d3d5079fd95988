"""Rows of a dataset on the Hub, at a commit that is told."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .errors import HubError
from .hub import api_client, plain_errors, quietly


class HubRows(NamedTuple):
    """Part of a dataset."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[str, dict[str, Any]]]
    """`(repo/subset/split:row, row)`, rows counted from 1."""
    revision: str
    """The commit that it was read at."""
    licence: str | None
    """As the repository's card states it."""


def hub_rows(repo: str, subsets: Sequence[str], split: str, revision: str | None = None) -> HubRows:
    """Download rows with Hugging Face's `datasets`; no code of the repository is run.

    Args:
        repo: `owner/name`.
        subsets: Configurations, read one after the other; empty for the only one.
        split: Split on the Hub.
        revision: Branch, tag or commit; the newest when left out.

    Raises:
        HubError: If repository, revision, subset or split is not there, may not be read or can't be reached.
    """
    with plain_errors(repo, "dataset"):
        info = api_client().repo_info(repo, repo_type="dataset", revision=revision)
        sha = str(info.sha)
        tables = {subset: _load(repo, subset, split, sha) for subset in subsets or (None,)}
    columns = dict.fromkeys(column for table in tables.values() for column in table.column_names)

    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        for subset, table in tables.items():
            place = "/".join(part for part in (repo, subset, split) if part)
            for number, row in enumerate(table, 1):
                yield f"{place}:{number}", row

    return HubRows(tuple(columns), rows(), sha, _licence(info.card_data))


def _load(repo: str, subset: str | None, split: str, revision: str) -> Any:
    import datasets  # pyright: ignore[reportMissingTypeStubs]

    library: Any = datasets
    shown = library.utils.logging.is_progress_bar_enabled()
    library.disable_progress_bars()
    try:
        with quietly():
            return library.load_dataset(repo, subset, split=split, revision=revision)
    except (library.exceptions.DatasetsError, ValueError, FileNotFoundError) as error:
        # Besides what the client raises: an unknown subset or split, or files that are no table.
        said = " ".join(str(error).split())[:300]
        raise HubError(f"{repo}: {said}", hint="Name `subset` and `split` as the Hub does.") from None
    finally:
        if shown:
            library.enable_progress_bars()


def _licence(card: Any) -> str | None:
    stated: Any = card.get("license") if card is not None else None
    return stated if isinstance(stated, str) and stated not in ("other", "unknown") else None
