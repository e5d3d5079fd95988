"""What a browser gets of the page."""

from html.parser import HTMLParser

from service_app import App

PAGE = {"accept": "text/html"}


def html(app: App, path: str) -> str:
    """Return a view of the page."""
    answer = app.client.get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


class Tags(HTMLParser):
    """What a browser would make of a page: its elements, and attributes that run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
