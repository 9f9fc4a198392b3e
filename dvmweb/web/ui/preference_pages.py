"""Changes the user's preferences for pages, from any page."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, request

from dvmweb.web.ui import context, preferences
from dvmweb.web.ui.redirects import see_other

blueprint = Blueprint("ui_preference_pages", __name__)
LONGEST = 1000  # characters of an address to go back to


@blueprint.post("/preferences")
def change() -> Response:
    """Store what the form has and go back to its page; a script gets no page."""
    paths = context.vms().paths
    preferences.write(
        paths, preferences.changed(preferences.read(paths), request.form, request.form.getlist("columns"))
    )
    if context.is_script():
        return make_response("", 204)
    return see_other(back(request.form.get("back", "")))


def back(path: str) -> str:
    """Return the path below the prefix to go back to; that of the list for anything that is not one."""
    is_path = path.startswith("/") and len(path) <= LONGEST and path.isascii() and path.isprintable()
    return path if is_path and "\\" not in path else "/"
