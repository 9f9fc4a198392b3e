"""The bar of a real limactl that downloads an image from a slow server of this computer."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator

import pytest

from dvmweb.jobs import job_record
from dvmweb.jobs.step_progress import with_progress
from tests.journey.cli.home import until
from tests.lima.real.conftest import RealDvmHome

MIB = 1 << 20
WHOLE, FIRST = 24 * MIB, 9 * MIB
ENTRY = '- location: "http://127.0.0.1:{port}/debian-13.raw"\n  arch: "{arch}"\n'


class Image(http.server.BaseHTTPRequestHandler):
    """Sends the first bytes of an image, and the rest once it may."""

    may_end = threading.Event()
    has_length = True

    def do_HEAD(self) -> None:
        self.send_response(200)
        if self.has_length:
            self.send_header("Content-Length", str(WHOLE))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(b"\1" * FIRST)
        self.may_end.wait(300)
        self.wfile.write(b"\2" * (WHOLE - FIRST))

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Image) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        Image.may_end.set()
        server.shutdown()
        thread.join()


def shown(real: RealDvmHome) -> str:
    """How far the newest job is."""
    jobs = [with_progress(real.paths, job) for job in job_record.newest_first(real.paths)[:1]]
    return next((step.reason for job in jobs for step in job.steps if step.state == "running"), "")


@pytest.mark.parametrize(("has_length", "amount"), [(True, "9.0 MiB of 24.0 MiB"), (False, "9.0 MiB")])
def test_bytes_and_whole_of_a_download(real: RealDvmHome, port: int, has_length: bool, amount: str) -> None:
    Image.has_length = has_length
    Image.may_end.clear()
    name = f"app{int(has_length)}"
    folder = real.paths.lima_home / "_templates/_images"
    folder.mkdir(parents=True, exist_ok=True)
    entries = "".join(ENTRY.format(port=port, arch=arch) for arch in ("x86_64", "aarch64"))
    (folder / "debian-13.yaml").write_text(f"images:\n{entries}")
    config = real.init(name)
    config.write_text(re.sub(r"(?m)^image: .*$", "image: debian-13", config.read_text()))
    syncing = real.start("sync", name)
    until(lambda: shown(real) == f"Downloading the image (debian-13.raw): {amount}")
    Image.may_end.set()
    code, _, err = syncing.ends(300)
    assert code != 0  # no server of a distribution
    assert "is not the image debian-13 of the config" in err
    log = real.ok("log", job_record.newest_first(real.paths)[0].id)
    assert len(re.findall(r" MiB .*\[-+\]", log)) == 1, log
    assert "INFO[0" in log
    assert "\x1b" not in log
