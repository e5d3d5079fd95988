import io

from firstfault.annotate.engines.headway import Progress
from firstfault.loop.progress import Reporter
from firstfault.loop.watching import spent
from rich.console import Console


def progress(**fields: float) -> Progress:
    known = dict.fromkeys(Progress._fields, 0) | {"total": 100, "seconds_left": None} | fields
    return Progress(**known)


def test_what_is_spent_is_shown_with_what_it_will_come_to():
    half = progress(done=60, from_ledger=20, usd=2.0, usd_left=2.0, tokens=400, tokens_left=400)
    assert spent(half) == "$2.00 of about $4.00"
    assert spent(half._replace(usd=0.0)) == "400 of about 800 tokens"
    assert spent(half._replace(done=100)) == "$2.00"
    assert spent(progress(done=20, from_ledger=20)) == ""


def test_a_bar_shows_its_note_and_a_plain_line_ends_with_it():
    terminal = io.StringIO()
    with Reporter(Console(file=terminal, force_terminal=True, width=120)).task("Judging", total=3) as bar:
        bar.note("$2.00 of about $4.00")
        bar(3)
    assert "$2.00 of about $4.00" in terminal.getvalue()
    plain = io.StringIO()
    with Reporter(Console(file=plain, width=120)).task("Judging", total=3) as bar:
        bar.note("$2.00")
    assert plain.getvalue() == "Judging: done in 0 s, $2.00\n"
