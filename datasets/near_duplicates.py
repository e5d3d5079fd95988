"""Texts that are nearly the same, by MinHash (Broder 1997; signatures by `datasketch`).

Signatures are compared only where a band of them is equal (locality-sensitive hashing; Leskovec, Rajaraman
and Ullman, Mining of Massive Datasets, chapter 3): 19 in 20 texts with a Jaccard index of 0.8 are, with one
of 0.9 all but one in a thousand. The bands stand in arrays: an index of objects takes half a gigabyte for
100,000 texts.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

from .overlap import normalised_words

ALIKE = 0.8
"""Jaccard index of two texts' shingles from which they are near-duplicates."""
SHINGLE = 5
"""Words of a shingle."""
PERMUTATIONS = 64
"""Hash functions of a signature: the index is estimated with a standard error of at most 1/16."""
_BANDS, _ROWS = 10, 6


def near_duplicates(texts: Iterable[str], progress: Callable[[int], None] | None = None) -> set[int]:
    """Return the indices of texts that are nearly the same as one before them that stays.

    Args:
        texts: In order of preference: of several that are alike the first stays.
        progress: Told about every text.
    """
    signatures = _signatures(texts, progress)
    bands = [_shared(signatures[:, band * _ROWS : (band + 1) * _ROWS]) for band in range(_BANDS)]
    # By what the band is; a group of texts that stay is one number as long as it has one member.
    staying: list[dict[int, int | list[int]]] = [{} for _ in bands]
    alike = set[int]()
    for place in range(len(signatures)):
        groups = [int(band[place]) for band in bands]
        others = {other for known, group in zip(staying, groups, strict=True) for other in _of(known, group)}
        if others and bool((signatures[sorted(others)] == signatures[place]).mean(axis=1).max() >= ALIKE):
            alike.add(place)
            continue
        for known, group in zip(staying, groups, strict=True):
            if group >= 0:
                _add(known, group, place)
    return alike


def _of(known: dict[int, int | list[int]], group: int) -> list[int]:
    found = known.get(group, [])
    return [found] if isinstance(found, int) else found


def _add(known: dict[int, int | list[int]], group: int, place: int) -> None:
    found = known.get(group)
    if found is None:
        known[group] = place
    elif isinstance(found, int):
        known[group] = [found, place]
    else:
        found.append(place)


def _signatures(texts: Iterable[str], progress: Callable[[int], None] | None) -> Any:
    import numpy as np

    # As Any, since it has no types.
    datasketch: Any = import_module("datasketch")
    empty: Any = datasketch.MinHash(num_perm=PERMUTATIONS, hashfunc=int, scheme="affine32")
    rows: list[Any] = []
    for text in texts:
        # Hashes of words are combined here, all shingles of a text at once: hashing them one by one
        # takes ten times as long.
        words = np.array([_hash(word) for word in normalised_words(text)], dtype=np.uint64)
        signature: Any = empty.copy()
        signature.update_batch(np.unique(_shingles(words)).tolist())
        rows.append(np.asarray(signature.hashvalues, dtype=np.uint32))
        if progress is not None:
            progress(1)
    return np.array(rows, dtype=np.uint32).reshape(len(rows), PERMUTATIONS)


def _shared(band: Any) -> Any:
    """Number the texts whose band is also another's by what it is; -1 for the others."""
    import numpy as np

    whole = np.ascontiguousarray(band).view(np.dtype((np.void, band.shape[1] * band.itemsize))).ravel()
    _, groups, counts = np.unique(whole, return_inverse=True, return_counts=True)
    return np.where(counts[groups] > 1, groups, -1)


def _shingles(words: Any) -> Any:
    """Return 32-bit hashes of all runs of `SHINGLE` words; of a shorter text one of all its words."""
    import numpy as np

    width = min(SHINGLE, len(words))
    if not width:
        return np.zeros(1, dtype=np.uint64)
    total = np.zeros(len(words) - width + 1, dtype=np.uint64)
    for offset in range(width):
        total = total * np.uint64(0x9E3779B97F4A7C15) + words[offset : offset + len(total)]
    return total >> np.uint64(32)


@lru_cache(maxsize=1 << 16)
def _hash(word: str) -> int:
    # Python's own hash of a text differs from process to process.
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest())


def first_of_each(texts: Iterable[str]) -> set[int]:
    """Return the indices of texts that came before."""
    seen = set[bytes]()
    repeated = set[int]()
    for place, text in enumerate(texts):
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest in seen:
            repeated.add(place)
        seen.add(digest)
    return repeated
