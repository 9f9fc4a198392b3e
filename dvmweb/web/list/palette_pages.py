"""The entries of the command palette as JSON; the palette is a part of every page and needs a script."""

from __future__ import annotations

import time
from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from dvmweb.records import checkpoint_records
from dvmweb.verbs.recipes import RecipeLibrary
from dvmweb.web.list.palette import entries
from dvmweb.web.ui import context

blueprint = Blueprint("list_palette_pages", __name__)


@blueprint.get("/palette")
def palette() -> Response:
    """All entries, in the order in which they are shown for an empty query."""
    vms = context.vms()
    recipes = RecipeLibrary(vms.paths, vms.environ).names()
    newest = checkpoint_records.newest(vms.paths)
    found = entries(context.watch().snapshot().vms, recipes, vms.jobs(), time.time(), newest)
    return jsonify({"entries": [asdict(one) for one in found]})
