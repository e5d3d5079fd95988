"""The safetensors files of a model folder: which tensor lies where, and replacing its bytes in place.

Only headers are read until a tensor is asked for. The file format is that of
https://huggingface.co/docs/safetensors: eight bytes with the header's length, a JSON header, the data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...datasets.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

INDEX = "model.safetensors.index.json"
_LENGTH = 8
_LONGEST_HEADER = 100_000_000
_BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
}


class Place(NamedTuple):
    """Where a tensor lies, and what it is."""

    file: Path
    dtype: str
    """As safetensors names it: `I32`, `F16`, `BF16`..."""
    shape: tuple[int, ...]
    start: int
    """Byte in the file."""
    end: int


class Shards:
    """The tensors of a model folder by name.

    Args:
        folder: Model folder.

    Raises:
        ModelError: If there are no safetensors, a file that the index names is missing, a header can't be
            read or names bytes that aren't there, or the index and the files disagree.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: dict[str, Place] = {}
        for file in _files(folder):
            for name, place in _read_header(file).items():
                if name in self.places:
                    raise ModelError(
                        f"{file}: {name} is also in {self.places[name].file.name}",
                        hint="Remove the files that are left of another checkpoint.",
                    )
                self.places[name] = place
        self._check_index()

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def __getitem__(self, name: str) -> Place:
        return self.places[name]

    def read(self, name: str) -> Tensor:
        """Read one tensor."""
        import safetensors

        opener: Any = safetensors
        with opener.safe_open(str(self.places[name].file), framework="pt") as file:
            return file.get_tensor(name)

    def replace(self, copy: Path, tensors: Mapping[str, Tensor]) -> None:
        """Write tensors over their bytes in a copy of the folder; no other byte changes.

        Raises:
            ValueError: If a tensor has another shape or type than the one in its place.
        """
        import torch

        for name, tensor in tensors.items():
            place = self.places[name]
            data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            if tuple(tensor.shape) != place.shape or _dtype_name(tensor) != place.dtype:
                raise ValueError(
                    f"{name}: {tuple(tensor.shape)} {tensor.dtype} instead of {place.shape} {place.dtype}"
                )
            with (copy / place.file.name).open("r+b") as file:
                file.seek(place.start)
                file.write(data)

    def _check_index(self) -> None:
        path = self.folder / INDEX
        if not path.is_file():
            return
        missing = [name for name in _weight_map(path) if name not in self.places]
        if missing:
            raise ModelError(
                f"{path}: {missing[0]} is in none of the files", hint="Download the checkpoint again."
            )


def _files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if index.is_file():
        names = sorted(set(_weight_map(index).values()))
        strange = [name for name in names if Path(name).name != name]
        if strange:
            raise ModelError(
                f"{index}: names a file outside the folder: {strange[0]!r}",
                hint="Get the checkpoint from its source again.",
            )
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise ModelError(
                f"{folder}: {_listed(missing)} of {len(names)} files missing",
                hint="Download the checkpoint again; its index names every file that belongs to it.",
            )
        return [folder / name for name in names]
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(
            f"{folder}: no weights (*.safetensors)",
            hint="Only safetensors are read; convert other formats with save_pretrained.",
        )
    # Other tools leave tensors of their own beside the model; without an index the model is one file.
    model = folder / "model.safetensors"
    return [model] if model in files else files


def _weight_map(index: Path) -> dict[str, str]:
    try:
        weight_map: Any = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        return {str(name): str(file) for name, file in weight_map.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ModelError(
            f"{index}: not an index of safetensors", hint="Download the checkpoint again."
        ) from None


def _read_header(path: Path) -> dict[str, Place]:
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH), "little")
            if not 2 <= length <= min(size - _LENGTH, _LONGEST_HEADER):
                raise ValueError("no header")
            header: Any = json.loads(file.read(length))
        start = _LENGTH + length
        entries = {str(name): entry for name, entry in header.items() if name != "__metadata__"}
        places = {name: _place(path, start, entry) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(
            f"{path}: not a safetensors file, or a damaged one", hint="Download the file again."
        ) from None
    for name, place in places.items():
        if place.end > size:
            raise ModelError(f"{path}: cut off at {size:,} bytes, in {name}", hint="Download the file again.")
        bits = _BITS.get(place.dtype)
        count = 1
        for extent in place.shape:
            count *= extent
        if bits is not None and (place.end - place.start) * 8 != count * bits:
            raise ModelError(
                f"{path}: {name} has {place.end - place.start:,} bytes for {place.shape} {place.dtype}",
                hint="Download the file again.",
            )
    return places


def _place(path: Path, data: int, entry: Mapping[str, Any]) -> Place:
    start, end = (int(offset) for offset in entry["data_offsets"])
    shape = tuple(int(extent) for extent in entry["shape"])
    if not 0 <= start <= end or min(shape, default=0) < 0:
        raise ValueError("impossible place")
    return Place(path, str(entry["dtype"]), shape, data + start, data + end)


def _listed(names: Iterable[str]) -> str:
    first, *others = names
    return first if not others else f"{first} and {len(others)} more"


def _dtype_name(tensor: Tensor) -> str:
    import torch

    names = {
        torch.int32: "I32",
        torch.int64: "I64",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.float32: "F32",
    }
    return names.get(tensor.dtype, str(tensor.dtype))
