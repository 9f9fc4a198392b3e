"""Read a drawn form as a browser without script does: which controls it would send, and what is said around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"input", "meta", "link", "br", "path", "rect", "hr", "img"}


@dataclass
class Drawn(HTMLParser):
    """One form of a page, by its id."""

    html: str
    form_id: str
    sent: list[tuple[str, str]] = field(default_factory=list)  # successful controls without the buttons
    buttons: list[tuple[str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    action: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = False
        self._select = self._text = ""
        self.feed(self.html.replace("\r\n", "\n"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if "id" in given:
            self.ids.append(given["id"] or "")
        if tag == "form":
            self._inside = given.get("id") == self.form_id
            self.action = given.get("action") or "" if self._inside else self.action
        if not self._inside:
            return
        name, value = given.get("name") or "", given.get("value") or ""
        kind = given.get("type", "text")
        if tag == "input" and name and (kind not in ("checkbox", "radio") or "checked" in given):
            self.sent.append((name, value))
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self.sent.append((self._select, value))
        elif tag == "textarea":
            self._text = name
            self.sent.append((name, ""))
        elif tag == "button" and given.get("type") != "button":
            self.buttons.append((name, value))

    def handle_data(self, data: str) -> None:
        if self._text:  # a browser drops the first line end, and sends all others as two characters
            self.sent[-1] = (self._text, data.removeprefix("\n").replace("\n", "\r\n"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""
        if tag == "form":
            self._inside = False

    def values(self, **changed: str) -> dict[str, list[str]]:
        """What the form would send, with some controls changed; the CSRF field is left to the browser."""
        found: dict[str, list[str]] = {}
        for name, value in self.sent:
            if name != "csrf":
                found.setdefault(name, []).append(value)
        return {**found, **{name: [value] for name, value in changed.items()}}
