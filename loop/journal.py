"""What a run has finished of a stage that is still going on.

Finished batches are appended to a file, one line each, and looked up by content when the stage is
started again. A line that was cut off by a kill is dropped and its batch done anew.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from ..annotate.engines.engine import Completion, Engine, Prompt, Sampling
from ..datasets.records import Finish


class BatchEngine(Engine, Protocol):
    """An engine whose work is cut into batches that depend on the prompts alone."""

    def batches(self, prompts: Sequence[Prompt]) -> list[list[Prompt]]:
        """Cut the work."""
        ...

    def completed(
        self, batches: Sequence[Sequence[Prompt]], sampling: Sampling
    ) -> Iterator[tuple[int, list[Completion]]]:
        """Do batches; yield the number of each with its completions as soon as it is done, in any order."""
        ...


class Journal:
    """Finished work by key, kept in an append-only file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done: dict[str, Any] = {}
        self._load()

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self._path.stem

    def put(self, key: str, value: Any) -> None:
        """Keep finished work, as plain JSON; it is on disk when this returns."""
        line = json.dumps({"key": key, "value": value}, ensure_ascii=False) + "\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        self._done[key] = value

    def get(self, key: str) -> Any:
        """Return finished work."""
        return self._done[key]

    def remove(self) -> None:
        """Forget all of it."""
        self._path.unlink(missing_ok=True)
        self._done.clear()

    def __contains__(self, key: str) -> bool:
        return key in self._done

    def _load(self) -> None:
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines():
            entry: dict[str, Any] = json.loads(line)
            self._done[entry["key"]] = entry["value"]
        if len(whole) < len(content):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))


class JournaledEngine:
    """An engine that never does a finished batch again.

    Args:
        engine: What does the work.
        journal: Where finished batches are kept.
        done: Told the number of completions after every batch, done now or before.
        model: What tells the engine's model from another one of its name.
    """

    def __init__(
        self,
        engine: BatchEngine,
        journal: Journal,
        done: Callable[[int], None] | None = None,
        *,
        model: str = "",
    ) -> None:
        self._model = model
        self._engine = engine
        self._journal = journal
        self._done = done

    @property
    def name(self) -> str:
        """Name of the model it runs."""
        return self._engine.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> Iterator[Completion]:
        """Yield every completion of every prompt, those that are in the journal first."""
        batches = self._engine.batches(prompts)
        places: dict[str, list[int]] = {}
        for place, batch in enumerate(batches):
            # Keys of prompts are the caller's names for them and no part of the work.
            content = [self.name, self._model, sampling.model_dump(), [prompt[1:] for prompt in batch]]
            key = hashlib.sha256(json.dumps(content).encode()).hexdigest()
            places.setdefault(key, []).append(place)
        missing = [key for key in places if key not in self._journal]
        for key in [key for key in places if key in self._journal]:
            yield from self._told(batches, places[key], key)
        asked = [batches[places[key][0]] for key in missing]
        for number, completions in self._engine.completed(asked, sampling):
            key = missing[number]
            self._journal.put(key, _rows(asked[number], completions))
            yield from self._told(batches, places[key], key)

    def _told(self, batches: Sequence[list[Prompt]], places: Sequence[int], key: str) -> Iterator[Completion]:
        """The completions of batches that are the same work."""
        rows: list[tuple[int, int, str, str, int]] = self._journal.get(key)
        for place in places:
            for number, sample, text, finish, tokens in rows:
                yield Completion(batches[place][number].key, sample, text, Finish(finish), tokens)
            if self._done is not None:
                self._done(len(rows))


def _rows(batch: Sequence[Prompt], completions: Sequence[Completion]) -> list[list[Any]]:
    places = {prompt.key: place for place, prompt in enumerate(batch)}
    return [[places[c.key], c.sample, c.text, c.finish.value, c.tokens] for c in completions]
