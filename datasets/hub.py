"""Publishing a set or a restored model to the Hugging Face Hub, and fetching one.

A revision is one commit made on top of the one that was looked at (`parent_commit`), so that the repository
holds either the old revision or the new one, and nothing that came in between is overwritten. What is
uploaded before the commit is not part of the repository. A tag (`v1`, `v2`, ...) follows; where that was
broken off, publishing again sets it.
"""

import io
import logging
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .errors import HubError
from .release import CHANGELOG, CHECKSUMS, Content, Plan, plan

Kind = Literal["dataset", "model"]
"""What a repository holds."""
Progress = Callable[[str], None]
_TOKEN_HINT = "Log in with `hf auth login`, or set HF_TOKEN to a token that may write"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")


class Published(NamedTuple):
    """What publishing did, or would do."""

    repo: str
    url: str
    revision: str | None
    """Commit that holds the set; `None` for a dry run that would make one."""
    plan: Plan
    committed: bool
    private: bool
    is_new: bool
    """Whether the repository was not there before."""


def publish(
    files: Mapping[str, Content],
    repo: str,
    *,
    kind: Kind = "dataset",
    public: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Publish a tree as a repository: a new revision if anything changed, else nothing.

    Args:
        files: The tree without checksums and changelog, as `release.build` makes it. Files that are given
            by where they lie go up in pieces, whatever their size.
        repo: `owner/name`.
        kind: What the repository holds; the Hub keeps datasets and models apart.
        public: Make a new repository public, and agree to publish into one that is. Who can see a
            repository that is there already is not changed.
        dry_run: Look and compare only; nothing is sent.
        progress: Told what is being done.

    Raises:
        HubError: If the repository can't be written, holds something else, is public without `public`,
            moved on meanwhile, or the Hub can't be reached.
    """
    if not is_repo_id(repo):
        raise HubError(f"{repo}: not the id of a repository", hint="Write it as owner/name.")
    say = progress or _say_nothing
    with plain_errors(repo, kind, writing=True):
        api = api_client()
        say("looking at the repository")
        state = _state(api, repo, kind)
        if state is not None and state.head is not None and state.checksums is None and state.others:
            raise HubError(
                f"{repo}: the name is taken by a {kind} that firstfault did not publish",
                hint="Choose another name with --repo.",
            )
        if state is not None and not state.private and not public:
            raise HubError(
                f"{repo}: is public", hint="Say --public to publish for all to see, or choose another name."
            )
        made = plan(
            files,
            state.checksums if state is not None else None,
            state.changelog if state is not None else None,
        )
        is_private = state.private if state is not None else not public
        url = f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo}"
        is_new = state is None
        changed = bool(made.changed or made.removed)
        if dry_run or (state is not None and not changed and made.version in state.tags):
            head = state.head if state is not None and not changed else None
            return Published(repo, url, head, made, False, is_private, is_new)
        if state is None:
            say("creating the repository")
            api.create_repo(repo, repo_type=kind, private=is_private)
            state = _state(api, repo, kind)
            assert state is not None
        revision = state.head
        if changed:
            say("uploading")
            revision = _commit(api, repo, kind, state, made)
        say("tagging")
        if made.version not in state.tags:
            api.create_tag(repo, repo_type=kind, tag=made.version, revision=revision, exist_ok=True)
        return Published(repo, url, revision, made, changed, is_private, is_new)


def fetch(repo: str, revision: str | None = None, kind: Kind = "dataset") -> tuple[Path, str]:
    """Download a released set, or a model; return its folder and the commit that it is.

    Args:
        repo: `owner/name`.
        revision: Branch, tag or commit; the newest when left out.
        kind: What the repository holds.

    Raises:
        HubError: If the repository or revision is not there, may not be read or can't be reached.
    """
    with plain_errors(repo, kind):
        api = api_client()
        sha = str(api.repo_info(repo, repo_type=kind, revision=revision).sha)
        with quietly():
            folder = api.snapshot_download(repo, repo_type=kind, revision=sha)
        return Path(folder), sha


def is_repo_id(name: str) -> bool:
    """Whether a text is the id of a repository, `owner/name`; whether that is there is another matter."""
    return _ID.fullmatch(name) is not None


def _say_nothing(what: str) -> None:
    """Be told, and do nothing."""


class _State(NamedTuple):
    """A repository as it is."""

    head: str | None
    private: bool
    tags: frozenset[str]
    checksums: str | None
    changelog: str | None
    others: bool
    """Whether it holds files besides what a new repository has."""


def api_client() -> Any:
    """The Hub's client, named as ours."""
    import huggingface_hub

    hub: Any = huggingface_hub
    return hub.HfApi(library_name="firstfault")


def _state(api: Any, repo: str, kind: Kind) -> _State | None:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info: Any = api.repo_info(repo, repo_type=kind)
    except RepositoryNotFoundError as error:
        if error.response.status_code == 404:
            return None
        raise
    there = {one.rfilename for one in info.siblings or ()}
    refs: Any = api.list_repo_refs(repo, repo_type=kind)

    def text(path: str) -> str | None:
        if path not in there:
            return None
        with quietly():
            file = api.hf_hub_download(repo, path, repo_type=kind, revision=info.sha)
        return Path(file).read_text(encoding="utf-8")

    return _State(
        head=info.sha,
        private=bool(info.private),
        tags=frozenset(tag.name for tag in refs.tags),
        checksums=text(CHECKSUMS),
        changelog=text(CHANGELOG),
        others=bool(there - {".gitattributes"}),
    )


def _commit(api: Any, repo: str, kind: Kind, state: _State, made: Plan) -> str:
    import huggingface_hub

    hub: Any = huggingface_hub
    by_path = any(isinstance(made.files[path], Path) for path in made.sent)

    def source(content: Content) -> Any:
        # One open stream makes all files go up by LFS' plain protocol, whatever storage is behind it.
        # Where files are large that is left to the client, which has a better one on most machines.
        return content if by_path or isinstance(content, Path) else io.BytesIO(content)

    operations: list[Any] = [
        hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=source(made.files[path]))
        for path in made.sent
    ]
    operations += [hub.CommitOperationDelete(path_in_repo=path) for path in made.removed]
    with quietly():
        info = api.create_commit(
            repo,
            operations,
            repo_type=kind,
            commit_message=f"{made.version}: {made.line[:60].rstrip('.')}",
            commit_description=made.line,
            parent_commit=state.head,
        )
    return str(info.oid)


@contextmanager
def quietly() -> Generator[None]:
    """Keep the client's progress bars and advice off the terminal: it has its own line."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    logger = logging.getLogger("huggingface_hub")
    level, hidden = logger.level, are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(level)
        if not hidden:
            enable_progress_bars()


@contextmanager
def plain_errors(repo: str, kind: Kind, *, writing: bool = False) -> Generator[None]:
    """Turn what the client raises into one line with a hint."""
    import httpx
    from huggingface_hub import errors

    try:
        yield
    except HubError:
        raise
    except errors.LocalTokenNotFoundError:
        raise HubError(f"{repo}: nobody is logged in", hint=_TOKEN_HINT) from None
    except errors.HfHubHTTPError as error:
        raise _http_error(repo, kind, error) from None
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        if isinstance(cause, errors.HfHubHTTPError):
            raise _http_error(repo, kind, cause) from None
        if not isinstance(cause, httpx.HTTPError | OSError):
            if isinstance(cause, ValueError) and "metadata" in str(cause):
                first = " ".join(str(cause).split())
                raise HubError(f"{repo}: {first}", hint="This is a bug: please report it.") from None
            raise
        what = f"no connection to the Hub ({type(cause).__name__})"
        if writing:
            what = f"the connection broke ({type(cause).__name__}); the repository is as it was, or the new "
            what += "revision is whole"
        raise HubError(f"{repo}: {what}", hint="Run the same command again.") from None


def _http_error(repo: str, kind: Kind, error: Any) -> HubError:
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    status = error.response.status_code if error.response is not None else None
    if isinstance(error, RevisionNotFoundError):
        return HubError(f"{repo}: no such revision", hint="See its tags on the Hub.")
    if status == 401:
        return HubError(f"{repo}: the Hub does not know the token (401)", hint=_TOKEN_HINT + ".")
    if status == 403:
        owner = repo.split("/", maxsplit=1)[0]
        return HubError(f"{repo}: the token may not write there (403)", hint=f"{_TOKEN_HINT} for {owner}.")
    if isinstance(error, RepositoryNotFoundError) or status == 404:
        return HubError(
            f"{repo}: no such {kind}, or none that you may see", hint="Check the id, and log in if private."
        )
    if status in (409, 412):
        return HubError(
            f"{repo}: somebody else changed the repository meanwhile ({status}); nothing was overwritten",
            hint="Look at what changed, and run the same command again.",
        )
    if status == 429:
        return HubError(f"{repo}: the Hub asks for patience (429)", hint="Try again in some minutes.")
    if status is not None and status >= 500:
        return HubError(f"{repo}: the Hub is in trouble ({status})", hint="Run the same command again later.")
    said = " ".join(str(getattr(error, "server_message", None) or "").split())[:200]
    return HubError(f"{repo}: the Hub refused ({status}) {said}".rstrip(), hint="Check the id and the token.")
