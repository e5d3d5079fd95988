import pytest
from firstfault.datasets.errors import LeakError
from firstfault.datasets.leaks import check_leaks
from firstfault.datasets.subsets import Part, make_parts
from mined import pair_of, regressions

ITEMS = regressions(30)
PARTS = make_parts([pair_of(item) for item in ITEMS], [], ITEMS, 0.0)
# Put together here, so that no scanner of this repository takes them for real.
PLANTED = {
    "a Hugging Face token": "hf_" + "Ab3" * 10,
    "an API key": "sk-" + "proj-" + "Zx9" * 12,
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "an AWS key": "AKIA" + "ABCDEFGH12345678",
    "a Slack token": "xoxb-" + "1234567890-abc",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a signed token": "eyJhbGciOiJI" + "." + "eyJzdWIiOiIx" + ".abc",
    "a password or key": "password" + ": " + "hunter2hunter2hunter2",
    "a password in an address": "https://me:" + "pass" + "@host/x",
    "an e-mail address": "jane.doe" + "@" + "mail.example.org",
}


def with_text(text: str, subset: str, column: str, row: int) -> list[Part]:
    parts: list[Part] = []
    for part in PARTS:
        rows = list(part.rows)
        if part.subset == subset and part.part == "train":
            rows[row] = rows[row].model_copy(update={column: f"Step 1: {text} is what it says."})
        parts.append(part._replace(rows=tuple(rows)))
    return parts


def test_clean_rows_pass():
    check_leaks(PARTS, {"config.yaml": "seed: 0\n"}, ["Priya Raman"], {"HF_TOKEN": "none-of-that-1"})


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_keys_stop_publishing_and_the_row_is_named(kind):
    for subset, column in (("preference", "chosen"), ("verdicts", "rationale")):
        parts = with_text(PLANTED[kind], subset, column, 7)
        with pytest.raises(LeakError) as caught:
            check_leaks(parts, {}, (), {})
        assert f"data/{subset}/train.parquet, row 7, column {column}: looks like" in str(caught.value)
        assert PLANTED[kind] not in str(caught.value) + caught.value.hint


def test_keys_inside_of_lists_and_votes_are_found():
    row = PARTS[-2].rows[0] if PARTS[-2].rows else PARTS[-1].rows[0]
    secret = PLANTED["a Hugging Face token"]
    vote = row.votes[0].model_copy(update={"rationale": secret})
    for changed in (
        row.model_copy(update={"votes": (vote,)}),
        row.model_copy(update={"steps": ("a", secret)}),
    ):
        with pytest.raises(LeakError, match=r"row 0, column (votes|steps)"):
            check_leaks([Part("verdicts", "train", (changed,))], {}, (), {})


def test_reviewers_names_are_found_as_words_in_any_case():
    for text in ("as PRIYA said", "(Priya Raman)", "ann1"):
        with pytest.raises(LeakError, match="a reviewer's name"):
            check_leaks(with_text(text, "verdicts", "rationale", 2), {}, ["priya", "Ann1"], {})
    check_leaks(with_text("Priyanka and ann12", "verdicts", "rationale", 2), {}, ["priya", "ann1"], {})


def test_keys_of_the_environment_are_found_and_plain_words_are_not():
    secret = "q7-unusual-value"
    environment = {"MY_API_KEY": secret, "KEYBOARD_TOKEN": "qwertyuiop", "HOME": "/home/somebody"}
    with pytest.raises(LeakError, match=r"config\.yaml, line 2: looks like a key of this machine"):
        check_leaks([], {"config.yaml": f"seed: 0\nnote: {secret}\n"}, (), environment)
    check_leaks([], {"config.yaml": "qwertyuiop /home/somebody"}, (), environment)


@pytest.mark.parametrize(
    "text",
    [
        "The secret: 12 apples and 3 pears are 15 fruits.",
        "5@2 means 5 * 2; f(x)@3.5 is $7",
        "the token is 42; key = 7",
        "x_hf_12 and task-oriented thinking-step-by-step-solutions-are-good",
    ],
)
def test_maths_is_not_taken_for_keys(text):
    check_leaks(with_text(text, "preference", "chosen", 0), {}, (), {})
