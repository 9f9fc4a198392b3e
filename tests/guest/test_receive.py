"""A file of the user's is taken into a folder that another user can write: attacked by one while it comes."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from dvmweb.guest import protocol
from tests.guest.conftest import ID, NONCE, Guest, Ordinary, make_program, upload
from tests.places import COPIES

OTHER = 54321  # a user that is neither root nor the main one
ROUNDS = 15
MOST_ROUNDS = 400  # until a way in has to be found that is there
PYTHON = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin") or "python3"  # one that every user may run

# What the script did once: it named its file four times in the folder.
NAMED_TWICE = """set -u
exec 4<stream
cd -- "$DVM_CODE_DIR"
temp=$(mktemp -- ./.dvm-upload.XXXXXXXX)
exec 5>"$temp"
cat <&4 >&5
exec 5>&-
chmod 644 -- "$temp"
ln -PT -- "$temp" "./$DVM_NAME" 2>/dev/null
rm -f -- "$temp"
"""
# Takes whatever appears away, puts a link to the victim there, and has one at the name that the file shall get.
ATTACK = """
import os, sys
code, victim, kind = sys.argv[1:]
os.chdir(code)
def quiet(act, *given, **more):
    try:
        act(*given, **more)
    except OSError:
        pass
def put(name):
    if kind == "folder":
        quiet(os.mkdir, name)
    elif kind == "hard":
        quiet(os.link, victim, name, follow_symlinks=False)
    else:
        quiet(os.symlink, victim if kind == "link" else os.path.dirname(victim) + "/planted", name)
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    for entry in list(os.scandir(".")):
        if entry.name.startswith("away"):
            quiet(os.rmdir if entry.is_dir(follow_symlinks=False) else os.unlink, entry.name)
        elif not entry.is_symlink() and entry.is_file():
            quiet(os.rename, entry.name, "away%d" % turn)
            put(entry.name)
    if turn % 7 == 0:
        put("a.txt")
    elif turn % 7 == 4:
        quiet(os.rename, "a.txt", "away%d" % turn)
"""


def receive(guest: Guest, **more: str) -> tuple[str, ...]:
    """Send `abcd`; the last record of the answer, without which nothing counts."""
    done = guest.run("receive", upload(**more), files={"stream": f"abcd{NONCE}"})
    assert done.returncode == 0, done.stderr
    last = protocol.parse(done.stdout, "receive", NONCE)[-1]
    return (last.tag, *(field.decode() for field in last.fields))


@pytest.fixture
def dvm_home(guest: Guest, ordinary: Ordinary) -> Guest:
    """A guest whose main user is an ordinary one, with a code dir in which another user can write."""
    guest.run("identity", {"DVM_ID": ID})
    guest.code.mkdir(parents=True)
    (guest.home / "secret").write_text("mine")
    (guest.home / "secret").chmod(0o600)
    made = ordinary(guest)
    made.home.parent.chmod(0o755)
    made.code.chmod(0o777)
    return made


@contextmanager
def attacked(dvm_home: Guest, kind: str) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("only root can attack as a second user")
    words = ("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", PYTHON, "-IS", "-c", ATTACK)
    with subprocess.Popen(
        (*words, str(dvm_home.code), str(dvm_home.home / "secret"), kind), stdout=subprocess.PIPE, text=True
    ) as attacker:
        try:
            assert attacker.stdout is not None
            assert attacker.stdout.readline() == "ready\n"
            yield
        finally:
            attacker.kill()


def way_in(dvm_home: Guest) -> str:
    """What the attack came to, "" for nothing."""
    secret, top = dvm_home.home / "secret", sorted(path.name for path in dvm_home.home.iterdir())
    if secret.read_text() != "mine":
        return "another user had a file of the main user's overwritten"
    if stat.S_IMODE(secret.stat().st_mode) != 0o600:
        return "another user had the rights of a file of the main user's changed"
    return f"a file was made elsewhere: {top}" if top != ["code", "secret"] else ""


def clear(dvm_home: Guest) -> None:
    for path in dvm_home.code.iterdir():
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.mark.parametrize("kind", ["link", "nowhere", "hard", "folder"])
def test_s3_another_user_who_swaps_what_appears_has_nothing_written_for_him(dvm_home: Guest, kind: str) -> None:
    with attacked(dvm_home, kind):
        for _ in range(ROUNDS):
            said = receive(dvm_home)
            assert said[0] == "done" or said == ("refused", "names"), said
            assert way_in(dvm_home) == ""
            clear(dvm_home)


def test_s3_the_attack_finds_a_script_that_names_its_file_twice(dvm_home: Guest) -> None:
    """The control of the test above: this is what the script did once."""
    with attacked(dvm_home, "link"):
        for _ in range(MOST_ROUNDS):
            dvm_home.run("receive", upload(), files={"stream": f"abcd{NONCE}", "main.sh": NAMED_TWICE})
            if way_in(dvm_home):
                return
            clear(dvm_home)
    pytest.fail("the attack found no way in where there is one")


def test_s3_nothing_of_a_file_has_a_name_before_it_is_whole(dvm_home: Guest) -> None:
    """Its bytes lie where nobody can reach them, also not by the name of the temporary file of another."""
    (dvm_home.code / ".dvm-upload.aaaaaaaa").symlink_to(dvm_home.home / "secret")
    done = dvm_home.run("receive", upload(DVM_SIZE="9"), files={"stream": f"abcd{NONCE[:4]}"})
    last = protocol.parse(done.stdout, "receive", NONCE)[-1]
    assert last.fields == (b"incomplete",)
    assert [path.name for path in dvm_home.code.iterdir()] == [".dvm-upload.aaaaaaaa"]
    assert way_in(dvm_home) == ""


# -- where it goes -----------------------------------------------------------------------------------------------------


def test_s3_a_link_to_the_code_dir_counts_only_where_nobody_else_can_have_put_it(dvm_home: Guest) -> None:
    linked = dvm_home.home / "linked"
    linked.symlink_to(dvm_home.code)
    assert receive(dvm_home, DVM_CODE_DIR=str(linked)) == ("done", "a.txt", "~/code/app")
    dvm_home.home.chmod(0o777)
    assert receive(dvm_home, DVM_CODE_DIR=str(linked)) == ("refused", "link")
    assert sorted(path.name for path in dvm_home.code.iterdir()) == ["a.txt"]


@pytest.mark.parametrize("kind", ["nowhere", "loop", "file"])
def test_a_code_dir_that_is_no_folder_is_refused(dvm_home: Guest, kind: str) -> None:
    place = dvm_home.home / "odd"
    if kind == "file":
        place.touch()
    else:
        place.symlink_to("odd" if kind == "loop" else "not-there")
    assert receive(dvm_home, DVM_CODE_DIR=str(place)) == ("refused", "folder")


def test_a_guest_without_python_says_so(dvm_home: Guest) -> None:
    for name in ("bash", "env"):
        program = shutil.which(name)
        assert program is not None
        (dvm_home.fake / "bin" / name).symlink_to(program)
    bare = f"{dvm_home.fake}/bin"
    main = f"PATH={bare}\n" + (COPIES / "program/copies.sh").read_text()
    done = dvm_home.run("receive", upload(), files={"stream": f"abcd{NONCE}", "main.sh": main})
    assert protocol.parse(done.stdout, "receive", NONCE)[-1] == protocol.Record("refused", (b"python",))


# -- file systems that know no nameless files --------------------------------------------------------------------------

WITHOUT = """#!{python} -IS
import errno, os, runpy, sys
real = os.open
def refusing(path, flags, mode=0o777, *, dir_fd=None):
    if flags & os.O_TMPFILE == os.O_TMPFILE and {refused}:
        raise OSError(errno.EOPNOTSUPP, "not supported")
    return real(path, flags, mode, dir_fd=dir_fd)
os.open = refusing
sys.path.insert(0, ".")
runpy.run_path("receive.py", run_name="__main__")
"""
IN_CODE = 'os.readlink(f"/proc/self/fd/{dir_fd}").endswith("app")'


@pytest.fixture(params=["True", IN_CODE], ids=["nowhere", "only at home"])
def without(request: pytest.FixtureRequest, dvm_home: Guest) -> Guest:
    program = dvm_home.fake / "bin/python3"
    make_program(program, WITHOUT.format(python=PYTHON, refused=request.param))
    return dvm_home


def test_without_nameless_files_the_bytes_are_collected_at_home_and_copied(without: Guest) -> None:
    assert receive(without) == ("done", "a.txt", "~/code/app")
    assert receive(without) == ("done", "a (2).txt", "~/code/app")
    file = without.code / "a (2).txt"
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("abcd", 0o644)
    assert sorted(path.name for path in without.home.iterdir()) == ["code", "secret"]


def test_s3_without_nameless_files_there_is_no_way_in_either(without: Guest) -> None:
    with attacked(without, "link"):
        for _ in range(ROUNDS):
            assert receive(without)[0] in ("done", "refused")
            assert way_in(without) == ""
            clear(without)


def test_without_nameless_files_a_home_that_others_can_write_takes_nothing(dvm_home: Guest) -> None:
    make_program(dvm_home.fake / "bin/python3", WITHOUT.format(python=PYTHON, refused="True"))
    dvm_home.home.chmod(0o777)
    assert receive(dvm_home) == ("refused", "folder")
    assert list(dvm_home.code.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(without: Guest) -> None:
    real = without.fake / "bin/python3"
    real.rename(real.with_name("python"))
    make_program(real, f'ulimit -f 0; exec {real.with_name("python")} "$@"')
    assert receive(without) == ("refused", "write")
    assert list(without.code.iterdir()) == []
    assert sorted(path.name for path in without.home.iterdir()) == ["code", "secret"]


# -- rights ------------------------------------------------------------------------------------------------------------


def test_the_agents_rights_of_the_project_apply_to_the_file(dvm_home: Guest) -> None:
    entries = ((1, 7, 0xFFFFFFFF), (2, 7, OTHER), (4, 5, 0xFFFFFFFF), (16, 7, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
    raw = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(dvm_home.code, "system.posix_acl_default", raw)
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip("the file system of the temporary folder knows no ACLs")
    assert receive(dvm_home)[0] == "done"
    acl = os.getxattr(dvm_home.code / "a.txt", "system.posix_acl_access")
    rights = {(tag, who): right for tag, right, who in struct.iter_unpack("<HHI", acl[4:])}
    assert (
        rights[2, OTHER] & rights[16, 0xFFFFFFFF] & 4
    )  # the agent reads it at once; the walk before its run gives more
