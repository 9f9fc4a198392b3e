"""Checks of this computer: engine, virtualisation, disk, folders, Lima's own files. They change nothing."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from dvmweb.errors import DvmError
from dvmweb.lima.client import Lima
from dvmweb.lima.engine import find_engine
from dvmweb.names import SOCKET_PATH_LENGTH, SOCKET_SUFFIX, VM_LENGTH, instance_name
from dvmweb.paths import Paths
from dvmweb.verbs.doctor.findings import Finding, State
from dvmweb.verbs.vms import Vms

LEAST_FREE, GOOD_FREE = 2 << 30, 10 << 30  # bytes on the disk of the VMs
KVM = Path("/dev/kvm")
GLOBAL_FILES = ("default.yaml", "override.yaml")  # of Lima's _config; merged into every instance
CLOSE_FOLDER = "close the folder to others"


def engine(vms: Vms) -> Iterator[Finding]:
    """Is there a limactl, is it safe to run, new enough, and without known holes?"""
    if vms.paths.is_demo:
        yield Finding("engine", State.WARNING, "The demo engine is in use: its guests are no VMs.", "Install Lima.")
        return
    try:
        found = find_engine(vms.environ, vms.paths)
        version, warning = Lima(found, vms.paths, vms.environ).version()
    except DvmError as error:
        yield Finding("engine", State.FAILED, error.what, error.todo)
        return
    yield Finding("engine", State.OK, f"limactl {version} at {found.limactl[0]}.")
    if warning:
        yield Finding("engine", State.WARNING, warning)
    for note in found.notes:
        yield Finding("engine", State.WARNING, note, "Make it writable by its owner alone: chmod g-w")


def virtualisation(vms: Vms, system: str = sys.platform, kvm: Path = KVM) -> Iterator[Finding]:
    """Are QEMU and hardware virtualisation there? On macOS Lima uses vz, which is part of the system."""
    if vms.paths.is_demo or system == "darwin":
        return
    program = f"qemu-system-{platform.machine()}"
    variable = f"QEMU_SYSTEM_{platform.machine().upper()}"
    if not vms.environ.get(variable) and not shutil.which(program, path=vms.environ.get("PATH", os.defpath)):
        fix = "Install it, for example: sudo apt-get install qemu-system-x86 qemu-utils"
        yield Finding("QEMU", State.FAILED, f"{program} is not on PATH.", fix)
    if not kvm.exists():
        what = f"There is no {kvm}: VMs run without hardware virtualisation, many times slower."
        yield Finding("KVM", State.WARNING, what, "Turn on virtualisation in the firmware, or nested virtualisation.")
    elif not os.access(kvm, os.R_OK | os.W_OK):
        fix = "Join the group kvm, then log in again: sudo usermod -aG kvm $USER"
        yield Finding("KVM", State.WARNING, f"You may not use {kvm}: VMs run many times slower.", fix)
    else:
        yield Finding("KVM", State.OK, f"{kvm} can be used.")


def disk(paths: Paths) -> Iterator[Finding]:
    """Is there space for VMs?"""
    place = next(path for path in (paths.lima_home, *paths.lima_home.parents) if path.exists())
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        yield Finding("disk", State.UNKNOWN, f"The free space of {place} is not known: {error.strerror}.")
        return
    what = f"{free / (1 << 30):.1f} GiB are free at {place}."
    if free >= GOOD_FREE:
        yield Finding("disk", State.OK, what)
        return
    fix = (
        "Empty the trash (dvm trash empty), delete checkpoints (dvm checkpoint ls) and VMs that you no longer need, "
        "or move LIMA_HOME to a larger disk."
    )
    yield Finding("disk", State.FAILED if free < LEAST_FREE else State.WARNING, what, fix)


def folders(paths: Paths) -> Iterator[Finding]:
    """Are dvm's folders the user's own, and closed to others?"""
    for path in (paths.config, paths.state):
        try:
            facts = path.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Finding("folders", State.UNKNOWN, f"{path} cannot be checked: {error.strerror}.")
            continue
        if facts.st_uid != os.geteuid():
            fix = f"Change its owner: sudo chown -R $(id -u) {path}"
            yield Finding("folders", State.FAILED, f"{path} belongs to another user.", fix)
        elif facts.st_mode & 0o022 and stat.S_ISDIR(facts.st_mode):
            what = f"{path} is writable by other users."
            yield Finding("folders", State.FAILED, what, f"chmod go-w {path}", CLOSE_FOLDER)
        else:
            yield Finding("folders", State.OK, f"{path} is yours.")


def lima_files(paths: Paths) -> Iterator[Finding]:
    """Files of Lima that concern every VM, and the length of its folder's path."""
    for name in GLOBAL_FILES:
        path = paths.lima_home / "_config" / name
        if path.exists():
            what = f"{path} is merged into every instance. dvm refuses a VM that it would open to this computer."
            yield Finding("Lima's files", State.WARNING, what, "Remove what VMs of dvm must not get.")
    room = SOCKET_PATH_LENGTH - len(f"{paths.lima_home}/{instance_name('a')}{SOCKET_SUFFIX}".encode())
    if room < 1:
        what = f"The path {paths.lima_home} is too long: no VM name fits into the address of its ssh socket."
        yield Finding("LIMA_HOME", State.FAILED, what, "Set LIMA_HOME to a shorter folder.")
    elif room < VM_LENGTH:
        what = f"VM names can have at most {room} characters below {paths.lima_home}."
        yield Finding("LIMA_HOME", State.WARNING, what, "Set LIMA_HOME to a shorter folder for longer names.")
