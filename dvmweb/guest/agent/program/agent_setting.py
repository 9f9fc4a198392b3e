"""Reads `setting`, which the recipe agent-user writes beside this file: agent user, main user, code folder."""

from __future__ import annotations

import os
import pwd
from typing import NamedTuple

from agent_kernel import Refused

HERE = os.path.dirname(os.path.realpath(__file__))


class Setting(NamedTuple):
    """The agent user, the main user, and the code folder."""

    agent: pwd.struct_passwd
    main: pwd.struct_passwd
    code: str


def setting_words() -> list[str]:
    """The three fields of `setting`. Raises Refused if root did not write it."""
    file = f"{HERE}/setting"
    try:
        with open(file, encoding="utf-8") as opened:
            facts = os.fstat(opened.fileno())
            words = opened.read().rstrip("\n").split(" ", 2)
    except (OSError, ValueError) as error:
        raise Refused(f"{file} cannot be read ({error}). Sync this VM; the recipe agent-user writes it.") from None
    if facts.st_uid not in (0, os.geteuid()) or facts.st_mode & 0o022 or len(words) != 3:
        raise Refused(f"{file} is not as root wrote it. Sync this VM with --fresh.")
    return words


def read_setting() -> Setting:
    agent, main, code = setting_words()
    try:
        setting = Setting(pwd.getpwnam(agent), pwd.getpwnam(main), code)
    except KeyError as error:
        raise Refused(f"A user is missing ({error}). Sync this VM with --fresh.") from None
    if setting.agent.pw_uid in (0, setting.main.pw_uid) or not code.startswith("/"):
        raise Refused(f"{HERE}/setting does not name a separate agent user. Sync this VM with --fresh.")
    return setting


def code_dir(setting: Setting) -> int:
    """A descriptor of the code folder. Raises Refused if it contains a home folder or cannot be opened."""
    code = os.path.realpath(setting.code)
    for home in (setting.main.pw_dir, setting.agent.pw_dir):
        if f"{os.path.realpath(home)}/".startswith(f"{code.rstrip('/')}/"):
            raise Refused(f"The code folder {code} contains a home folder. Set another code_dir in the config.")
    if f"{code}/".startswith(f"{os.path.realpath(setting.agent.pw_dir)}/") or code.count("/") < 2:
        raise Refused(f"The code folder cannot be {code}. Set another code_dir in the config.")
    try:
        return os.open(code, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Refused(f"The code folder {code} cannot be opened ({error.strerror}). Sync this VM.") from None
