from firstfault.loop.heat import heat_view
from firstfault.loop.page import render
from firstfault.loop.sensitivity import Sensitivity, sum_up
from firstfault.quant.sensitivity import Effects, Module


def found(lost: list[list[float]], regained: list[list[float]]) -> Sensitivity:
    modules = tuple(
        Module(f"model.layers.{layer}.x.{kind}_proj", layer, kind, 64)
        for layer in (0, 1)
        for kind in ("q", "up")
    )
    effects = Effects(modules, [4.0, 6.0], [1.0, 2.0], lost, regained)
    return sum_up(effects, variant="rtn-w3g32", of=9, left_out=1, sha256="x", seed=0, seconds=1.0)


LOST = [[2.0, 2.0], [0.5, -0.5], [-1.0, -1.0], [0.0, 0.0]]
REGAINED = [[1.0, 3.0], [0.0, 0.0], [0.25, 0.25], [-0.001, -0.001]]


def test_sums_are_over_modules_of_each_pair_and_means_over_pairs():
    one = found(LOST, REGAINED)
    assert (one.full_precision.value, one.quantized.value, one.loss.value) == (5.0, 1.5, 3.5)
    assert (one.loss.low, one.loss.high) == (3.0, 4.0)
    assert [one.layers[layer].lost.value for layer in (0, 1)] == [2.0, -1.0]
    assert {kind: effect.regained.value for kind, effect in one.kinds.items()} == {"q": 2.25, "up": -0.001}
    assert one.whole.lost.value == 1.0
    # Equal values have no spread; others do.
    assert one.modules[0].lost.low == one.modules[0].lost.high == 2.0
    assert (one.modules[0].regained.low, one.modules[0].regained.high) == (1.0, 3.0)


def test_cells_show_value_sign_and_interval_and_are_coloured_by_their_share():
    lost, regained = heat_view(found(LOST, REGAINED))["tables"]
    first, second = lost["rows"][0]["cells"]
    assert (first["text"], first["tone"], first["share"], first["sure"]) == ("2.00", "quantized", 1.0, True)
    assert (second["text"], second["sure"]) == ("0.00", False)
    assert second["title"] == "up of layer 0: +0.00, \u22120.50 to +0.50 nats"
    good = lost["rows"][1]["cells"][0]
    assert (good["text"], good["tone"], good["share"]) == ("\u22121.00", "restored", 0.5)
    # What rounds to nought has no sign.
    assert regained["rows"][1]["cells"][1]["text"] == "0.00"
    assert lost["rows"][-1]["sum"]["text"] == "1.00"


def test_the_page_holds_the_tables_only_when_there_is_a_sensitivity(sample_report):
    assert "Fragile modules" not in render(sample_report)
    page = render(sample_report.model_copy(update={"sensitivity": found(LOST, REGAINED)}))
    assert page.count('<table class="heat modules">') == 2
    assert 'title="q of layer 0: +2.00, +2.00 to +2.00 nats"' in page
    assert "over 2 of 9 pairs, 1 too long and left out" in page
