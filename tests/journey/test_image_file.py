"""An image file is looked at when a sync begins, and again just before the create (findings S10)."""

from __future__ import annotations

from dvmweb import files
from tests.journey.driver import User
from tests.lima.test_image_file import GOOD


def test_s10_a_file_that_is_no_image_is_refused_before_anything_runs(user: User) -> None:
    user.vm("app").has_config("image: /etc/passwd\n")
    user.dvm("sync app").exits("usage error").warns("vms/app.yaml:1: image: it is not a disk image")
    assert user.jobs == []


def test_s10_a_file_that_is_another_by_the_time_of_the_create_is_refused_there(user: User) -> None:
    image = user.home.home / "disk.qcow2"
    image.write_bytes(GOOD["qcow2"])
    app = user.vm("app").has_config(f"image: {image}\n")
    lock = files.try_lock(files.private_folder(user.paths.state) / "engine.lock")
    assert lock is not None
    starting = user.starts("sync app")
    user.waits_until_job("queued")
    image.unlink()
    image.symlink_to("/etc/passwd")
    lock.release()
    refused = starting.ends().exits("usage error")
    refused.warns("it leads to /etc/passwd, which is not a disk image")
    assert not app.is_created
