"""Write packaging/homebrew/dvmweb.rb: `formula.py [SDIST]`, run by `make formula`, and with the sdist at a release.

Each library is a resource with the address and the hash of its source package, as pip finds it for the version in
requirements/run.txt; pip refuses a file whose hash is not in that lock. Without SDIST the formula's own hash stays
zeros, which Homebrew refuses.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dvmweb import __version__

TOP = Path(__file__).resolve().parent.parent
LOCK = TOP / "requirements" / "run.txt"
FORMULA = TOP / "packaging" / "homebrew" / "dvmweb.rb"
NO_HASH = "0" * 64
TEXT = """\
# Written by scripts/formula.py.
class Dvmweb < Formula
  include Language::Python::Virtualenv

  desc "Small Lima VM for each project, safe to hand to coding agents"
  homepage "https://pypi.org/project/dvmweb/"
  url "https://files.pythonhosted.org/packages/source/d/dvmweb/dvmweb-{version}.tar.gz"
  sha256 "{sha256}"
  license "MIT"

  depends_on "libyaml"
  depends_on "lima"
  depends_on "python@3.13"

{resources}
  def install
    virtualenv_install_with_resources
    man1.install_symlink libexec/"share/man/man1/dvm.1"
    generate_completions_from_executable(bin/"dvm", "completion", shells: [:bash, :zsh, :fish])
  end

  # No service block: launchd would end the VMs with the dashboard. The agent of dvm lets them live.
  def caveats
    "To start the dashboard at each login: dvm web --install-service"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/dvm --version")
    system bin/"dvm", "init", "shop", "--recipe", "git"
    assert_path_exists testpath/".config/dvm/vms/shop.yaml"
  end
end
"""
RESOURCE = """\
  resource "{name}" do
    url "{url}"
    sha256 "{sha256}"
  end
"""


def libraries(of: str = "dvmweb") -> set[str]:
    """The names of all packages that dvm needs at run time, as they are installed here."""
    found: set[str] = set()
    todo = [of]
    while todo:
        for line in requires(todo.pop()) or ():
            one = Requirement(line)
            name = canonicalize_name(one.name)
            if name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
                found.add(name)
                todo.append(name)
    return found


def pins() -> dict[str, tuple[str, frozenset[str]]]:
    """Name -> version and hashes, from the lock."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for block in re.split(r"\n(?=\S)", LOCK.read_text("utf-8")):
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ]+)", block):
            found[canonicalize_name(match[1])] = (match[2], frozenset(re.findall(r"sha256:([0-9a-f]{64})", block)))
    return found


def sources(names: set[str]) -> list[dict[str, Any]]:
    """What pip would download for these packages, as source only."""
    known = pins()
    lines = [
        f"{name}=={known[name][0]} " + " ".join(f"--hash=sha256:{one}" for one in known[name][1]) for name in names
    ]
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder) / "wanted.txt", Path(folder) / "report.json"
        wanted.write_text("\n".join(lines), "utf-8")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
        how = ["--ignore-installed", "--no-deps", "--require-hashes", "--report", str(report)]
        only_source = ["--no-binary", ",".join(names)]  # with :all: pip would also build what only builds need
        environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
        subprocess.run([*pip, *how, *only_source, "-r", str(wanted)], check=True, env=environment)
        found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
    return found


def text(sdist: Path | None) -> str:
    """The formula."""
    resources = sorted(
        RESOURCE.format(
            name=canonicalize_name(one["metadata"]["name"]),
            url=one["download_info"]["url"],
            sha256=one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in sources(libraries())
    )
    own = hashlib.sha256(sdist.read_bytes()).hexdigest() if sdist else NO_HASH
    return TEXT.format(version=__version__, sha256=own, resources="\n".join(resources))


if __name__ == "__main__":
    FORMULA.parent.mkdir(parents=True, exist_ok=True)
    FORMULA.write_text(text(Path(sys.argv[1]) if len(sys.argv) > 1 else None), "utf-8")
