"""Commands about the service's API keys."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..datasets.errors import InputError
from .options import Json, tell
from .serving import DATA, RUNS, Data, Db, service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

app = typer.Typer(no_args_is_help=True, help="API keys of the service.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="For people.", show_default=False)],
    scope: Annotated[
        Literal["read", "judge", "admin"],
        typer.Option(help="What it is good for; each includes those before."),
    ] = "judge",
    budget_usd: Annotated[
        float | None,
        typer.Option(min=0, help="What all that is judged for it together may cost.", show_default=False),
    ] = None,
    data: Data = DATA,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once: only its hash is kept."""
    with _session(data, db) as session:
        from ..service.store.audit import note
        from ..service.store.keys import make
        from ..service.store.scope import Scope

        key, secret = make(session, name, Scope(scope), budget_usd)
        note(session, None, "key.create", key.id, name=name, scope=scope)
        shown = {"id": key.id, "name": name, "scope": scope, "budget_usd": budget_usd, "secret": secret}
    kept_in = service().Place(data, db, RUNS).shown
    tell(
        as_json,
        {**shown, "kept_in": kept_in},
        f"{secret}\nShown this once; {kept_in} keeps its hash."
        f" Callers send it as: Authorization: Bearer {secret[:8]}...",
    )


@app.command("list")
def listed(data: Data = DATA, db: Db = None, as_json: Json = False) -> None:
    """List keys, without their secrets."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    with _session(data, db, is_there=True) as session:
        from ..service.api.views import KeyView
        from ..service.store.keys import listed

        keys = [KeyView.of(key) for key in listed(session)]
    if as_json:
        tell(True, {"keys": [key.model_dump(mode="json") for key in keys]}, "")
        return
    table = Table("id", "name", "scope", "budget", "spent", "made", "revoked")
    for key in keys:
        budget = "" if key.budget_usd is None else f"${key.budget_usd:g}"
        revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M}"
        made = f"{key.created_at:%Y-%m-%d %H:%M}"
        table.add_row(
            key.id, escape(key.name), key.scope.value, budget, f"${key.spent_usd:,.2f}", made, revoked
        )
    Console().print(table)


@app.command()
def budget(
    key: Annotated[str, typer.Argument(help="Id of the key.", show_default=False)],
    usd: Annotated[
        float,
        typer.Argument(
            min=0, help="What all that is judged for it may cost, from its making on.", show_default=False
        ),
    ],
    data: Data = DATA,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Change what a key may spend."""
    with _session(data, db, is_there=True) as session:
        from ..service.store.audit import note
        from ..service.store.keys import allow

        found = allow(session, key, usd)
        note(session, None, "key.budget", found.id, budget_usd=usd)
        shown = {"id": key, "name": found.name, "budget_usd": usd, "spent_usd": found.spent_usd}
    tell(as_json, shown, f"{shown['name']} ({key}) may spend ${usd:g}; ${shown['spent_usd']:,.2f} is spent.")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key.", show_default=False)],
    data: Data = DATA,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Make a key worthless from now on."""
    with _session(data, db, is_there=True) as session:
        from ..service.store.audit import note
        from ..service.store.keys import revoke

        found = revoke(session, key)
        note(session, None, "key.revoke", found.id)
        name = found.name
    tell(as_json, {"id": key, "name": name}, f"{name} ({key}) is revoked.")


@contextmanager
def _session(data: Path, db: str | None, *, is_there: bool = False) -> "Generator[Session]":
    """Open the database, which has to be there already or is made."""
    place = service().Place(data, db, RUNS)
    from ..service.store.database import Database

    if is_there and not place.exists:
        raise InputError(
            f"{place.shown}: no such database", hint="Say where the service's is: --data FOLDER or --db URL"
        )
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(place.url)
    try:
        database.migrate()
        with database.session() as session:
            yield session
    finally:
        database.close()
