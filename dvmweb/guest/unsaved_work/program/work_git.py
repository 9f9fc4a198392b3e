"""Calls Git with its own environment and settings, so that a repository can neither run code nor hide work."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from work_file import read_plain, reason
from work_records import Records, Setting
from work_run import LATE, LONG, Done, run

CONFIG_ENV = 231  # the first version with --config-env, which allows any key
ALWAYS = (
    "safe.directory=*",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.checkStat=default",
    "core.trustctime=true",
    "core.ignoreStat=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.ignoreCase=false",
    "core.safecrlf=false",
    "core.commitGraph=false",
    "core.warnAmbiguousRefs=false",
    "sparse.expectFilesOutsideOfPatterns=false",
    "log.showSignature=false",
)
# The user's settings that control how files are compared, and run nothing.
KEPT = ("core.excludesfile", "core.attributesfile", "core.autocrlf", "core.eol")
MOST_INCLUDES = 20


class Git:
    """The guest's Git, with the user's settings that matter here."""

    def __init__(self, program: str, version: int, environment: dict[str, str], setting: Setting) -> None:
        self.program, self.version, self.environment, self.setting = program, version, environment, setting
        self.always = ["--no-pager", *(word for pair in ALWAYS for word in ("-c", pair))]
        self.rewrites: list[tuple[str, str]] = []  # (prefix of an address, what the user's Git replaces it with)
        self.push_rewrites: list[tuple[str, str]] = []

    def run(self, words: Sequence[str], given: bytes = b"") -> Done:
        argv = (self.program, *self.always, *words)
        return run(argv, self.environment, self.setting.seconds_left(), given)


def why_failed(command: str, done: Done) -> str:
    """Why a call failed, "" if it succeeded without messages."""
    complaints = done.complaints()
    if done.code == LATE:
        return f"git {command} timed out"
    if done.code == LONG:
        return f"the output of git {command} is too long"
    if done.code == 0 and not complaints:
        return ""
    return f"git {command}: {complaints[0] if complaints else f'exit code {done.code}'}"


def find_git(environment: Mapping[str, str], setting: Setting, work: str, records: Records) -> Git | None:
    """The Git to call, None after reporting why there is none. `work`: our temporary folder."""
    program = _program("git", environment["PATH"])
    if not program:
        records.problem("git", "git is not installed")
        return None
    clean = {key: value for key, value in environment.items() if not key.startswith(("GIT_", "OMP_"))}
    done = run((program, "version"), clean, setting.call_seconds)
    found = re.match(rb"git version (\d{1,3})\.(\d{1,3})", done.out)
    if done.code or not found:
        records.problem("git", "git cannot run")
        return None
    version = 100 * int(found[1]) + int(found[2])
    if version < 225:
        records.problem("git", "git is older than 2.25")
        return None
    git = Git(program, version, clean, setting)
    lines = _user_settings(git, clean, work, records)
    git.environment = _own_environment(clean, version, work, lines)
    return git


def _program(name: str, path: str) -> str:
    places = (f"{folder}/{name}" for folder in path.split(":") if folder.startswith("/"))
    return next((place for place in places if os.path.isfile(place) and os.access(place, os.X_OK)), "")


def _own_environment(clean: dict[str, str], version: int, work: str, lines: Sequence[str]) -> dict[str, str]:
    """The environment of every call. The user's settings that are kept are written to a file of ours."""
    home = f"{work}/home"
    os.mkdir(home)
    with open(f"{home}/.gitconfig", "wb") as file:
        file.write(os.fsencode("[core]\n" + "".join(f"\t{line}\n" for line in lines)))
    own = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": f"{home}/.gitconfig",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_ADVICE": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_PAGER": "cat",
        "GIT_GRAFT_FILE": f"{work}/none",
        "DVM_EMPTY": "",
        "DVM_FALSE": "false",
    }
    if version < 232:  # no GIT_CONFIG_GLOBAL
        own |= {"HOME": home, "XDG_CONFIG_HOME": f"{work}/none"}
    return {**clean, **own}


# ---- the user's settings ----


def _user_settings(git: Git, clean: dict[str, str], work: str, records: Records) -> list[str]:
    """The lines of the user's settings to keep; rewrites of addresses are added to `git`."""
    values = _listed(git, ("-C", f"{work}/empty", "config", "--includes", "-z", "--list"), clean, work)
    if values is None:
        records.problem("git", "the user's Git settings could not be read")
        return []
    home = clean.get("HOME", "")
    kept = {"core.excludesfile": _usual("ignore", clean), "core.attributesfile": _usual("attributes", clean)}
    includes = []
    for key, value in values:
        _keep_rewrite(git, key, value or "")
        if key in KEPT:
            kept[key] = _expanded(value or "", home) if key.endswith("file") else value or "true"
        elif key.startswith("includeif.") and key.endswith(".path"):
            includes.append(_expanded(value or "", home))
    # Conditions of includes are not evaluated: rewrites from all of them count.
    for path in includes[:MOST_INCLUDES]:
        _read_include(git, path, clean, work, records)
    if len(includes) > MOST_INCLUDES:
        records.problem("git", f"the user's Git settings have more than {MOST_INCLUDES} conditional includes")
    return [
        f"{key[len('core.') :]} = {_quoted(value)}" for key, value in kept.items() if _is_usable(key, value, records)
    ]


def _listed(git: Git, words: Sequence[str], clean: dict[str, str], work: str) -> list[tuple[str, str | None]] | None:
    environment = {**clean, "GIT_CEILING_DIRECTORIES": work}
    done = run((git.program, *words), environment, git.setting.call_seconds)
    return parse_list(done.out) if done.code == 0 else None


def parse_list(out: bytes) -> list[tuple[str, str | None]]:
    """Parse the output of `git config -z --list`: keys with their values, None for a key without `=`."""
    entries = (os.fsdecode(entry).partition("\n") for entry in out.split(b"\0")[:-1])
    return [(key, value if newline else None) for key, newline, value in entries]


def _read_include(git: Git, path: str, clean: dict[str, str], work: str, records: Records) -> None:
    home = clean.get("HOME", "")
    places = [path] if path.startswith("/") else [f"{home}/{path}", f"{_config_home(clean)}/git/{path}"]
    for place in places:
        if not os.path.exists(place):
            continue  # Git ignores a missing include
        values = _listed(git, ("config", f"--file={place}", "--includes", "-z", "--list"), clean, work)
        if values is None:
            records.problem(place, "this include of the user's Git settings could not be read")
        for key, value in values or ():
            _keep_rewrite(git, key, value or "")


def _keep_rewrite(git: Git, key: str, value: str) -> None:
    if key.startswith("url.") and key.endswith(".insteadof"):
        git.rewrites.append((value, key[len("url.") : -len(".insteadof")]))
    elif key.startswith("url.") and key.endswith(".pushinsteadof"):
        git.push_rewrites.append((value, key[len("url.") : -len(".pushinsteadof")]))


def _config_home(clean: dict[str, str]) -> str:
    return clean.get("XDG_CONFIG_HOME") or f"{clean.get('HOME', '')}/.config"


def _usual(name: str, clean: dict[str, str]) -> str:
    return f"{_config_home(clean)}/git/{name}"


def _expanded(path: str, home: str) -> str:
    if path == "~" or path.startswith("~/"):
        return home + path[1:]
    return os.path.expanduser(path) if path.startswith("~") else path


def _is_usable(key: str, value: str, records: Records) -> bool:
    """Whether a setting can be kept: a pipe would block every call. A missing file is kept: it replaces the default."""
    if not key.endswith("file"):
        return True
    try:
        read_plain(value, 10 << 20)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        records.problem(value, f"this file, named in the user's Git settings, cannot be read: {reason(error)}")
        return False
    return True


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
