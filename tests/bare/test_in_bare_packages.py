"""The packages as a user gets them: built, checked by twine, installed by pipx and by uv, in a bare root.

The versions of these tools are written here, so that a new one changes nothing by itself.
"""

from __future__ import annotations

import time

import pytest

from dvmweb import __version__
from tests.bare.machine import Bare, since

TOOLS = "build==1.6.1 twine==7.0.0 pipx==1.18.4 uv==0.13.9"
SECONDS = 600.0  # for each command; all of them take less than two minutes on a machine with nothing else to do
USE = "DVM_ENGINE=demo {0} init shop --recipe git && DVM_ENGINE=demo {0} recipe ls && {0} --version"

pytestmark = pytest.mark.timeout(5 * SECONDS)


@pytest.fixture(scope="module")
def built(bare: Bare) -> Bare:
    """The machine, with the tools in ~/tools and the packages in ~/dist."""
    began = time.monotonic()
    succeeds(bare, f"python3 -m venv ~/tools && ~/tools/bin/pip install --quiet {TOOLS}")
    said = succeeds(bare, "~/tools/bin/python -m build --outdir ~/dist .")
    print(f"\n{bare.combination}: built after {since(began)} s, {bare.fetched():.0f} MB fetched")
    assert f"dvmweb-{__version__}.tar.gz and dvmweb-{__version__}-py3-none-any.whl" in said
    return bare


def succeeds(bare: Bare, script: str) -> str:
    """What a script prints; it must succeed."""
    done = bare.run(script, SECONDS)
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout


def test_twine_finds_nothing_wrong(built: Bare) -> None:
    assert succeeds(built, "~/tools/bin/twine --no-color check --strict ~/dist/*").count("PASSED") == 2


def test_pipx_installs_commands_and_man_page(built: Bare) -> None:
    succeeds(built, "~/tools/bin/pipx install ~/dist/*.whl")
    said = succeeds(
        built,
        USE.format("~/.local/bin/dvm") + " && ~/.local/bin/dvmweb --help && head -n 2 ~/.local/share/man/man1/dvm.1",
    )
    assert f"dvm, version {__version__}" in said
    assert ".TH DVM 1" in said
    assert "bundled" in said
    succeeds(built, "~/tools/bin/pipx uninstall dvmweb && test ! -e ~/.local/bin/dvm && rm -r ~/.config/dvm")


def test_uv_installs_the_commands(built: Bare) -> None:
    uv = "UV_DEFAULT_INDEX=${PIP_INDEX_URL:-https://pypi.org/simple} UV_NATIVE_TLS=1 ~/tools/bin/uv"
    succeeds(built, f"{uv} tool install --python /usr/bin/python3 ~/dist/*.whl")
    said = succeeds(built, USE.format("~/.local/bin/dvm"))
    assert f"dvm, version {__version__}" in said
    assert "bundled" in said
    succeeds(built, f"{uv} tool uninstall dvmweb && test ! -e ~/.local/bin/dvm")
