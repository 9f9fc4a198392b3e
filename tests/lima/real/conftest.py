"""A real limactl and a real guest. Skipped, with the reason, where there is none; see README.md beside this file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.conftest import DvmHome

# Booting under software emulation takes more than a minute; with hardware help a few seconds.
BOOT = 1500.0  # seconds


def missing() -> str:
    """Why the tests of this folder cannot run here, "" where they can."""
    if os.geteuid() == 0:
        return "limactl refuses root: run these tests as an ordinary user (tests/lima/README.md)"
    if not shutil.which("limactl"):
        return "no limactl on PATH (tests/lima/README.md)"
    if not Path(os.environ.get("DVM_TEST_IMAGE", "")).is_file():
        return "DVM_TEST_IMAGE does not name a guest image (tests/lima/README.md)"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark and, where nothing real is here, skip everything in this folder."""
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.lima)
            item.add_marker(pytest.mark.timeout(3600))
            item.add_marker(pytest.mark.xdist_group("lima"))
            if missing():
                item.add_marker(pytest.mark.skip(reason=missing()))


class RealDvmHome(DvmHome):
    """A throwaway home on the real engine."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        names = ("LIMA_USERNET_RESOLVE_IP_ADDRESS_TIMEOUT", "QEMU_SYSTEM_X86_64", "QEMU_SYSTEM_AARCH64", "USER")
        self.environ |= {name: os.environ[name] for name in names if name in os.environ}
        self.environ |= {"DVM_ENGINE": "lima", "LIMA_HOME": str(home / "l")}

    def init(self, vm: str) -> Path:
        """A config for the image at hand."""
        self.paths.config.mkdir(parents=True, exist_ok=True)
        # The image that shared/guest-image/build.sh makes boots by BIOS.
        self.paths.overlay_file.write_text("firmware:\n  legacyBIOS: true\n")
        self.ok("init", vm)
        path = self.paths.vm_config(vm)
        image = os.environ["DVM_TEST_IMAGE"]
        path.write_text(path.read_text() + f"\nimage: {image}\nmemory: 2GiB\ndisk: 4GiB\n")
        return path

    def limactl(self, *words: str) -> str:  # type: ignore[override]
        """Plain limactl, as the user has it beside us."""
        import subprocess

        done = subprocess.run(
            ("limactl", *words), env=self.environ, capture_output=True, text=True, timeout=BOOT, check=True
        )
        return done.stdout

    def limactl_beside(self, *words: str) -> int:
        """The same, where it may fail: its exit code."""
        import subprocess

        return subprocess.run(("limactl", *words), env=self.environ, capture_output=True, timeout=BOOT).returncode

    def programs(self, job: str) -> list[str]:
        """Which programs a job ran, `limactl` or `ssh`, in their order."""
        commands = self.ledger(job)
        return [next(Path(word).name for word in words if word.endswith(("/limactl", "/ssh"))) for words in commands]

    def end(self) -> None:
        for path in self.paths.lima_home.glob("dvm*-*"):  # also in the trash, where each is protected
            self.limactl_beside("unprotect", path.name)
            self.limactl("delete", "-f", path.name)


@pytest.fixture(scope="module")
def real() -> Iterator[RealDvmHome]:
    home = Path(tempfile.mkdtemp(prefix="dvm-"))
    dvm_home = RealDvmHome(home)
    try:
        yield dvm_home
    finally:
        dvm_home.end()
        shutil.rmtree(home, ignore_errors=True)
