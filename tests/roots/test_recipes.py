"""Each bundled recipe, twice and with its probe, in a Debian root of its own; what cannot be installed says so."""

from __future__ import annotations

import os
import re

import pytest

from dvmweb.paths import Paths, bundled_folder
from dvmweb.recipes import RecipeCatalog
from tests.roots import expected, files
from tests.roots.applying import Finished, Root
from tests.roots.conftest import MakeRoot, Tree

pytestmark = pytest.mark.timeout(3600)
# What a recipe says before it does something slow: a second run has nothing to do.
WORK = re.compile(r"^(Installing|Downloading|Building) ", re.MULTILINE)


def _names() -> list[str]:
    nowhere = bundled_folder() / "no-such-folder"
    catalog = RecipeCatalog(Paths(nowhere, nowhere, nowhere, nowhere, bundled_folder(), is_demo=True))
    names = [name for name in catalog.names() if name != "baseline"]
    return sorted(
        names, key=lambda name: (list(expected.EXPECTED).index(name) if name in expected.EXPECTED else 99, name)
    )


def said(done: Finished) -> str:
    """The end of what a recipe said; apt-get alone fills pages."""
    return done.stdout[-3000:]


def twice(root: Root, name: str, how: expected.Expected) -> None:
    done = root.run(("bash", "-ec", how.prepare))
    assert done.returncode == 0, done.stderr
    start = files.now(root)
    first = root.apply(name, how.params, how.secrets)
    if first.returncode != 0 and how.not_here and re.search(how.not_here, first.stdout):
        pytest.skip(f"{name}: a registry did not hand out what it needs: {said(first)[-500:]}")
    assert first.returncode == 0, said(first)
    before = files.changed(root, start)
    again(root, name, how)
    assert files.difference(before, files.changed(root, start), how.may_change) == []
    if how.other_params:
        done = root.apply(name, how.other_params, how.secrets)
        assert done.returncode == 0, said(done)
    done = root.run(("bash", "-lec", how.then))
    assert done.returncode == 0, f"{how.then}\n{done.stdout}{done.stderr}"


def again(root: Root, name: str, how: expected.Expected) -> Finished:
    second = root.apply(name, how.params, how.secrets)
    assert second.returncode == 0, said(second)
    assert not WORK.search(second.stdout), said(second)
    return second


@pytest.mark.parametrize("name", _names())
def test_a_recipe_runs_twice_with_its_probe(root: Root, ready_tree: Tree, name: str) -> None:
    how = expected.of(name)
    if how.needs_systemd and ready_tree.no_systemd:
        pytest.skip(ready_tree.no_systemd)
    if ready_tree.release in how.slow and not os.environ.get("DVM_ROOTS_SLOW"):
        pytest.skip(f"{name} is built for many minutes: DVM_ROOTS_SLOW=1 make test-recipes ARGS='-k {name}'")
    if ready_tree.release in how.refused:
        done = root.apply(name, how.params, how.secrets, tries=1)
        if done.returncode != 0:  # else this machine reaches the makers
            refused(root, name, ready_tree.release, done)
            return
    twice(root, name, how)


def refused(root: Root, name: str, release: str, done: Finished) -> None:
    pattern = expected.refusal(name, release, root.catalog.bundled.releases(name))
    assert re.search(pattern, done.stdout), said(done)
    record = root.run(("test", "-e", f"/var/lib/dvm/recipes/{name}"), "root")
    assert record.returncode == 1, "what was refused is not noted as applied"


def test_baseline_runs_twice_in_a_bare_debian(make_root: MakeRoot, bare_tree: Tree) -> None:
    with make_root(bare_tree) as root:
        twice(root, "baseline", expected.of("baseline"))
