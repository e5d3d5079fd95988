"""What may be started on a run, and the command that it is: no caller can name a file or an endpoint."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from ...annotate.argilla.asking import What
from ...datasets.records import Pair
from ...datasets.store import read_records
from ...loop.folder import RunFolder
from ..store.scope import Scope
from . import runs

ACCOUNTS = Path("reviews", "accounts")
"""Within a run: names and passwords of reviewers that were made, for the service's user alone."""
_REPO = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"
_WORD = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$"


class _Action(BaseModel, extra="forbid", use_attribute_docstrings=True):
    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        raise NotImplementedError

    def outcome(self, folder: RunFolder) -> dict[str, object] | None:
        """Say what a run holds afterwards; `None` where the command says it itself, in few words."""
        return None

    @property
    def scope(self) -> Scope:
        """What a key must be good for."""
        return Scope.JUDGE

    @property
    def needs_run_alone(self) -> bool:
        """Whether it is refused while another `firstfault run` is at work in the run's folder."""
        return False


class _Going(_Action):
    def _run(self, run: Path, until: str | None) -> list[str]:
        last = [f"--until={until}"] if until else []
        return ["run", str(run / "config.yaml"), f"--out={run}", *last, "--json"]

    def outcome(self, folder: RunFolder) -> dict[str, object] | None:
        """Say what a run holds afterwards, and whether nothing had to be done for it."""
        name = runs.config(folder).main.name
        train, test = (
            len(read_records(path, Pair)) if path.is_file() else 0
            for path in (folder.pairs_path(name), folder.test_pairs_path(name))
        )
        found = runs.report(folder)
        main = found.main if found is not None else None
        return {
            "nothing_to_do": runs.standing(folder).found_all_done,
            "pairs": train,
            "test_pairs": test,
            "restored": main.accuracy.restored.value if main and main.accuracy.restored else None,
            "recovery": main.recovery.value if main and main.recovery else None,
        }

    @property
    def needs_run_alone(self) -> bool:
        """It is such a run itself."""
        return True


class Resume(_Going):
    """Go on with a run to its end."""

    action: Literal["resume"]

    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        return self._run(run, None)


class Curate(_Going):
    """Make the pairs, anew where reviews have come in since."""

    action: Literal["curate"]

    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        return self._run(run, "curate")


class Restore(_Going):
    """Restore the variant with the pairs, and measure it."""

    action: Literal["restore"]

    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        return self._run(run, "recover")


class Publish(_Action):
    """Publish the set, or the restored model, to the Hub."""

    action: Literal["publish"]
    repo: str = Field(pattern=_REPO)
    """On the Hub, as owner/name."""
    restored: bool = Field(default=False, strict=True)
    """The restored model instead of the set."""
    public: bool = Field(default=False, strict=True)
    """Who may see it; private unless told otherwise."""
    dry_run: bool = Field(default=False, strict=True)
    """Say what would go up, and send nothing."""

    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        told = {"--restored": self.restored, "--public": self.public, "--dry-run": self.dry_run}
        flags = [name for name, is_set in told.items() if is_set]
        return ["publish", str(run), f"--repo={self.repo}", *flags, "--json"]

    @property
    def scope(self) -> Scope:
        """It leaves the house."""
        return Scope.ADMIN


class Push(_Action):
    """Ask people about solutions, in Argilla."""

    action: Literal["push"]
    what: What = What.DOUBTFUL
    size: int = Field(default=100, ge=1, le=100_000, strict=True)
    """Most solutions."""
    answers: int = Field(default=2, ge=1, le=100, strict=True)
    """People who answer each."""
    who: list[Annotated[str, Field(pattern=_WORD)]] = Field(default=[], max_length=100)
    """Reviewers; made where there are none."""

    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        asking = [f"--what={self.what.value}", f"--size={self.size}", f"--answers={self.answers}"]
        # Not into the result, which all keys can read.
        secret = f"--accounts={run / ACCOUNTS}"
        return [
            "review",
            "push",
            str(run),
            *asking,
            *[f"--who={name}" for name in self.who],
            secret,
            "--json",
        ]

    @property
    def scope(self) -> Scope:
        """It makes accounts elsewhere."""
        return Scope.ADMIN


class Pull(_Action):
    """Bring people's answers from Argilla into the run."""

    action: Literal["pull"]

    def command(self, run: Path) -> list[str]:
        """Return the arguments of `firstfault`."""
        return ["review", "pull", str(run), "--json"]


Action = Annotated[Resume | Curate | Restore | Publish | Push | Pull, Field(discriminator="action")]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)
