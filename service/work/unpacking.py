"""Parquet as JSON lines, unpacked by a process of its own whose memory is bounded.

A few kilobytes of Parquet may hold gigabytes, of one value that is repeated or of zeros that are packed
well. Whoever sends it must not take the service's memory, so another process reads it, and is the only one
that ends when it takes too much.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

_MEMORY = 2 << 30
"""Bytes that the process may take beside those of the file: hundreds of the largest rows at once."""
_ROWS = 256
_TOO_LARGE = 3


class UnpackError(Exception):
    """What could not be unpacked, and why."""


@contextmanager
def unpacked(path: Path, most: int) -> Generator[IO[bytes]]:
    """Give the rows of a Parquet file as JSON lines, in ASCII, while they are read.

    What JSON doesn't have is text (dates, decimal numbers), or a list of numbers (bytes).

    Args:
        path: The file.
        most: Bytes that the lines may have together.

    Raises:
        UnpackError: At the end, if it is no Parquet, or too much.
    """
    memory = _MEMORY + path.stat().st_size
    command = [sys.executable, "-I", __file__, str(path), str(most), str(memory)]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as process:
            assert process.stdout is not None
            try:
                yield process.stdout
            except BaseException:
                process.kill()
                raise
        if process.returncode == 0:
            return
        # A C++ library that gets no memory ends its process by a signal, and so may the kernel.
        if process.returncode == _TOO_LARGE or process.returncode < 0:
            raise UnpackError(f"it unpacks to more than {most} bytes, or to too much at a time")
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
        raise UnpackError(lines[-1] if lines else f"exit status {process.returncode}")


def _main() -> None:
    import resource

    path, most, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    # Others set memory aside that they don't use, and would count.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_ROWS):
                for fields in cast(list[dict[str, Any]], batch.to_pylist()):
                    # A column that other kinds of rows have is null, and not there.
                    row = {name: value for name, value in fields.items() if value is not None}
                    line = json.dumps(row, default=_as_json)
                    most -= len(line) + 1
                    if most < 0:
                        raise MemoryError
                    sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except MemoryError:
        sys.exit(_TOO_LARGE)
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        sys.exit((str(error).splitlines() or [type(error).__name__])[0])


def _as_json(value: Any) -> object:
    return list(value) if isinstance(value, bytes) else str(value)


if __name__ == "__main__":
    _main()
