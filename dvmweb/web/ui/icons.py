"""The icons of all pages: one path each on a grid of 24, as inline SVG."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

PATHS = {
    "back": "M19 12H5M11 6l-6 6 6 6",
    "bell": "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
    "check": "M5 12l5 5L20 7",
    "clock": "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l3 2",
    "close": "M6 6l12 12M18 6L6 18",
    "copy": "M9 9h11v11H9zM15 9V4H4v11h5",
    "dot": "M12 12m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0",
    "dots": "M5 12h.01M12 12h.01M19 12h.01",
    "down": "M12 4v12M6 11l6 6 6-6M5 21h14",
    "edit": "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
    "eye": "M2 12c3-5 6-7 10-7s7 2 10 7c-3 5-6 7-10 7s-7-2-10-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
    "eye-off": "M3 3l18 18M10 6a9 9 0 0 1 11 6 12 12 0 0 1-3 4M6 8a12 12 0 0 0-3 4 9 9 0 0 0 12 5",
    "file": "M6 3h8l4 4v14H6zM14 3v4h4",
    "folder": "M3 6h6l2 2h10v11H3z",
    "full": "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
    "half": "M12 4a8 8 0 1 0 0 16z M12 4a8 8 0 0 1 0 16",
    "info": "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 11v5M12 8v.5",
    "key": "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12l9-9M16 7l3 3",
    "lock": "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "minus": "M5 12h14",
    "out": "M8 16L18 6M10 6h8v8",
    "play": "M7 5l12 7-12 7z",
    "plus": "M12 5v14M5 12h14",
    "search": "M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5",
    "skip": "M5 5l8 7-8 7zM17 5v14",
    "stop": "M6 6h12v12H6z",
    "sync": "M4 12a8 8 0 0 1 14-5l2 2M20 4v5h-5M20 12a8 8 0 0 1-14 5l-2-2M4 20v-5h5",
    "term": "M4 5h16v14H4zM7 9l3 3-3 3M12 15h4",
    "trash": "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
    "up": "M12 17V5M6 11l6-6 6 6M5 21h14",
    "wait": "M5 12h.01M12 12h.01M19 12h.01",
    "warn": "M12 3l10 18H2zM12 10v5M12 18v.5",
}


@cache
def icon(name: str) -> Markup:
    """Return an icon; screen readers skip it. Raises KeyError for an unknown name."""
    return Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>').format(PATHS[name])
