"""Workspaces and the people in them; and the pseudonyms that stand for people in records."""

import hmac
import json
import os
import secrets
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from ...datasets.errors import ConfigError, EndpointError
from ...datasets.store import replacing
from .connection import Connection, sdk


class Account(NamedTuple):
    """Someone who was let in just now."""

    username: str
    password: str


Keep = Callable[[Account], object]
"""Called with an account before it is made, so that no password is lost."""


def keep_in(path: Path) -> Keep:
    """Return what adds accounts to a file that only its owner can read: a name and a password a line.

    Of two lines with one name the later is right: the account of the earlier one could not be made.
    """

    def keep(account: Account) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, 0o600)
            os.write(file, f"{account.username} {account.password}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)

    return keep


def ensure_people(
    connection: Connection, names: Sequence[str], workspace: str, keep: Keep | None = None
) -> list[Account]:
    """Let people see a workspace; make it, and accounts for those who have none.

    Returns:
        The new accounts, whose passwords nobody has seen yet.

    Raises:
        EndpointError: If the server refuses: only an owner may make accounts and workspaces.
        ConfigError: If a name can't be one.
    """
    argilla, client = sdk(), connection.client
    made: list[Account] = []
    with connection.explained():
        place: Any = client.workspaces(workspace)
        if place is None:
            _refuse_others(connection, f"workspace {workspace!r}: there is none")
            place = argilla.Workspace(name=workspace, client=client).create()
        members = {user.username for user in place.users}
        for name in names:
            user: Any = client.users(name)
            if user is None:
                _refuse_others(connection, f"{name}: no such user")
                if not name.isprintable() or not name.strip():
                    raise ConfigError(f"--who {name!r}: not a user name", hint="Use letters and digits")
                account = Account(name, secrets.token_urlsafe(9))
                if keep is not None:
                    keep(account)
                user = argilla.User(
                    username=name, password=account.password, role="annotator", client=client
                ).create()
                made.append(account)
            # Owners see everything and can't be members.
            if name not in members and user.role != "owner":
                user.add_to_workspace(place)
    return made


def usernames(connection: Connection) -> dict[str, str]:
    """Return the names of the server's users by their ids."""
    with connection.explained():
        return {str(user.id): user.username for user in connection.client.users}


class Pseudonyms:
    """What stands for people in records: the same for the same person, and telling nothing about them.

    Names are hashed with a secret (HMAC-SHA256), which stays in a file beside the records that only its
    owner can read, together with the names themselves. Without that file nobody can go back.

    Args:
        path: The file; made when there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        self._secret: str = content.get("secret") or secrets.token_hex(32)
        self._names: dict[str, str] = content.get("names") or {}

    def of(self, username: str) -> str:
        """Return a person's pseudonym, such as `reviewer-3f2a9c`."""
        digest = hmac.new(self._secret.encode(), username.encode(), sha256).hexdigest()
        pseudonym = f"reviewer-{digest[:6]}"
        self._names[pseudonym] = username
        return pseudonym

    def name(self, pseudonym: str) -> str:
        """Return whom a pseudonym stands for; itself where that is not known."""
        return self._names.get(pseudonym, pseudonym)

    def save(self) -> None:
        """Write the file, for its owner's eyes alone."""
        text = json.dumps({"secret": self._secret, "names": self._names}, indent=2, sort_keys=True) + "\n"
        if self._path.is_file() and self._path.read_text(encoding="utf-8") == text:
            return
        with replacing(self._path, 0o600) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _refuse_others(connection: Connection, what: str) -> None:
    if not connection.is_owner:
        raise EndpointError(
            f"{connection.url}: {what}", hint="Have an owner of the server make it, or use an owner's key"
        )
