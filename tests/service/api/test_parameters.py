"""Parameters with a slip in their name."""

from pathlib import Path

import pytest
from service_app import App


@pytest.mark.parametrize("path", ["/v1/verdicts?error-type=method", "/v1/jobs?stat=done", "/v1/keys?x=1"])
def test_what_can_not_be_asked_for_is_refused_and_what_can_is_said(tmp_path: Path, url: str, path: str):
    with App(tmp_path, url) as app:
        refused = app.client.get(path)
        assert refused.status_code == 422
        assert refused.json()["detail"].startswith("there is no parameter")
        if "verdicts" in path:
            assert "error_type" in refused.json()["hint"]
        assert app.client.get(path.partition("?")[0]).status_code == 200


def test_addresses_of_the_page_may_hold_anything(tmp_path: Path, url: str):
    with App(tmp_path, url) as app:
        assert app.client.get("/solutions?from=mail").status_code == 200
