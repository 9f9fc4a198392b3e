"""`dvm log NAME --boot`: files of the host that work without the guest, what a guest wrote only shown, and followed."""

from __future__ import annotations

import os

from tests.journey.driver import User, Vm


def test_it_shows_console_and_agent_of_a_vm_that_does_not_answer(user: User, app: Vm) -> None:
    (app.instance / "serial.log").write_bytes(
        b"\x1b[2J\x1b[0;1HGRUB loading.\r\n\r\n[  OK  ] Reached target\r\nlogin: "
    )
    user.guests_are_silent()
    shown = user.dvm("log app --boot").succeeds()
    shown.prints("serial.log: the guest's console (", "\n  GRUB loading.\n  [  OK  ] Reached target\n  login: \n")
    shown.prints("ha.stdout.log: events of Lima's host agent", "ha.stderr.log: log of Lima's host agent")
    assert "info [hostagent]" in shown.out or " info " in shown.out
    user.engine_works()
    user.dvm("stop app").succeeds()
    user.dvm("log app --boot").succeeds().prints("GRUB loading.")


def test_hostile_content_is_marked_cut_and_never_followed_through_a_link(user: User, app: Vm) -> None:
    secret = user.home.home / "secret"
    secret.write_text("canary\n")
    (app.instance / "serialv.log").symlink_to(secret)
    os.mkfifo(app.instance / "serialp.log")
    lines = b"".join(b"line %d\n" % number for number in range(300_000))
    (app.instance / "serial.log").write_bytes(lines + b"ha.stderr.log: forged\n\x1b]0;title\x07\xe2\x80\xaeevil\xff\n")
    shown = user.dvm("log app --boot -n 3").succeeds().never_says("canary", "\x1b", "\x07", "\u202e")
    assert (
        f"serial.log: the guest's console ({(app.instance / 'serial.log').stat().st_size} bytes, the last 3"
        in shown.out
    )
    assert "\n  line 299999\n  ha.stderr.log: forged\n  \\x1b]0;title\\x07\\u202eevil\\xff\n" in shown.out
    assert "serialv.log" not in shown.out


def test_it_is_followed_over_a_restart_of_the_vm(user: User, app: Vm) -> None:
    serial = app.instance / "serial.log"
    serial.write_text("first boot\n")
    follower = user.at_terminal("log app --boot -f")
    follower.waits_for("  first boot")
    with serial.open("a") as file:
        file.write("goes on\n")
    follower.waits_for("serial: goes on")
    serial.write_text("second\n")
    follower.waits_for("serial: second")
    follower.child.sendintr()
    follower.ends("cancelled").prints("stopped following the boot of app")


def test_what_has_no_boot_says_so(user: User) -> None:
    user.dvm("init app").succeeds()
    user.dvm("log app --boot").exits("not found", "app is not created", "dvm sync app")
    user.dvm("log app sshd --boot").exits("usage error", "--boot was given with a unit")
    user.dvm("log app --boot -n 0").exits("usage error")
    user.paths.lima_home.mkdir(parents=True, exist_ok=True)
    (user.paths.lima_home / "dvm-app").symlink_to("/etc")
    user.dvm("log app --boot").fails("is a link")
    (user.paths.lima_home / "dvm-app").unlink()
