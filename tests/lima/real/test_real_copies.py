"""`dvm cp` with a real guest: both ways, as a stream, and beside an agent's folder."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.lima.real.conftest import BOOT, RealDvmHome


def test_files_and_folders_go_both_ways(real: RealDvmHome, tmp_path: Path) -> None:
    real.init("app")
    real.ok("sync", "app", timeout=BOOT)
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    data = os.urandom(20_000_000)
    (tree / "sub/data").write_bytes(data)
    (tree / "run.sh").write_text("#!/bin/sh\necho run\n")
    (tree / "run.sh").chmod(0o755)
    (tree / "link").symlink_to("/etc/passwd")
    for number in range(300):
        (tree / "sub" / f"file {number}").write_text(str(number))
    assert "Not copied: link is a link" in real.dvm("cp", "-r", str(tree), "app:", timeout=600).err
    found = real.ok("ssh", "app", "--", "sh", "-c", "sha256sum < tree/sub/data; tree/run.sh; ls tree/sub | wc -l")
    assert found.split() == [hashlib.sha256(data).hexdigest(), "-", "run", "301"]
    real.ok("cp", "-r", "app:tree", str(tmp_path / "back"), timeout=600)
    assert (tmp_path / "back/sub/data").read_bytes() == data
    assert len(list((tmp_path / "back/sub").iterdir())) == 301
    assert real.dvm("cp", "app:tree/run.sh", str(tmp_path / "back")).code == 2  # it exists
    assert real.ok("cp", "app:tree/run.sh", "-") == "#!/bin/sh\necho run\n"
    assert real.dvm("cp", "app:/root/x", str(tmp_path)).code in (1, 3)
    real.ok("rm", "app", "--now", "--yes", "--force", timeout=BOOT)
