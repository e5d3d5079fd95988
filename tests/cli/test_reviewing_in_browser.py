"""The whole way of a review through the page that reviewers see."""

import json
import os
from pathlib import Path

import pytest
from argilla_page import ArgillaPage
from chromium import CHROMIUM
from firstfault.cli.main import main
from firstfault.datasets.records import Review, Split, Verdict, VerdictStatus
from firstfault.datasets.store import read_records, write_records
from serving import Serving
from small_run import VARIANT, make_run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
SUGGESTED = "So \\(48 - 12 = 36\\), not $40 or 2*3*4 <b>apples</b>.\n\\[\n36 = \\frac{72}{2}\n\\]"
TYPED = "They have $3 + 4 = 7$ pies & 5 < 6 for \\(x\\)."


def test_what_a_reviewer_does_in_the_page_is_what_is_pulled(serving: Serving, tmp_path: Path, capsys):
    folder = make_run(tmp_path / "run", regressions=6, seed=77)
    verdicts_path = folder.verdicts_path(VARIANT, Split.MINING)
    judged = [
        one.model_copy(update={"corrected_step": SUGGESTED}) for one in read_records(verdicts_path, Verdict)
    ]
    write_records(verdicts_path, judged)
    run, data = str(folder.path), str(serving.data)
    asked = ("--who", "judith", "--what", "all", "--gold", "0", "--blind", "none")
    pushed = told(capsys, "push", run, "--data", data, *asked)
    (account,) = pushed["accounts"]
    with ArgillaPage(tmp_path / "browser", serving.url) as page:
        page.log_in(account["username"], account["password"])
        page.open_dataset(pushed["url"].split("/")[-2])

        changed = page.record()
        problem, quantized, full_precision = page.shown()["fields"]
        assert "Reference answer:" in problem
        assert quantized.startswith("Step 1: ")
        assert full_precision.startswith("Step 1")
        assert full_precision.count("(they part") == 1
        assert "<b>apples</b>" in page.shown()["suggested"][0]
        assert page.evaluate("document.querySelectorAll('.questions math').length") == 2
        (step,) = [one for one in page.picked() if one.startswith("first_faulty_step")]
        other = "2" if step.endswith("_1") else "1"
        page.pick("first_faulty_step", other)
        page.pick("error_kind", "method")
        page.pick("error_subkind", "formula")
        page.write("The step as it should be", TYPED)
        see(page, "changed")
        press(page, "Submit")
        page.await_other(changed)

        accepted = page.record()
        page.press("Enter")
        page.await_other(accepted)

        draft = page.record()
        page.press("1")
        page.press("s", control=True)
        page.until("document.querySelector('.record').innerText.includes('Draft')")
        page.go_on()

        discarded = page.record()
        press(page, "Discard")
        page.await_other(discarded)

        clean = page.record()
        # Keys of two digits; the kind that was suggested stays picked.
        page.press("1")
        page.press("1")
        page.until("document.getElementById('first_faulty_step_none').checked")
        press(page, "Submit")
        page.await_other(clean)
    with serving.client() as client:
        ids = {
            one: client.get(f"/records/{one}").json()["external_id"]
            for one in (changed, accepted, draft, clean)
        }
    pulled = told(capsys, "pull", run, "--data", data)
    assert pulled["refused"] == []
    assert list(pulled["reviewers"].values()) == [{"submitted": 3, "draft": 1, "discarded": 1}]
    reviews = {
        one.solution_id: one for one in read_records(folder.reviews_path(VARIANT, Split.MINING), Review)
    }
    by_id = {one.solution_id: one for one in judged}
    assert set(reviews) == {ids[changed], ids[accepted], ids[clean]}
    mine = reviews[ids[changed]]
    assert (mine.first_fault, mine.error_type, mine.subtype) == (int(other) - 1, "method", "formula")
    assert mine.corrected_step == TYPED
    taken, suggested = reviews[ids[accepted]], by_id[ids[accepted]]
    assert (taken.first_fault, taken.error_type) == (suggested.first_fault, suggested.error_type)
    assert (taken.corrected_step, taken.rationale) == (SUGGESTED, suggested.rationale)
    assert reviews[ids[clean]].status is VerdictStatus.CLEAN


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main(["review", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def press(page: ArgillaPage, button: str) -> None:
    page.evaluate(
        "[...document.querySelectorAll('.questions-form button, form button')]"
        f".find(each => each.innerText.includes({json.dumps(button)})).click()"
    )


def see(page: ArgillaPage, name: str) -> None:
    if "SCREENSHOTS" in os.environ:
        page.screenshot(Path(os.environ["SCREENSHOTS"]) / f"{name}.png")
