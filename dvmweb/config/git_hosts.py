"""Where to add a VM's public keys, by the address of its repository."""

from __future__ import annotations

import re

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>[^/].*)")
_URL = re.compile(r"(?:https?|ssh)://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)")


def host_of(repo: str) -> str:
    """The server of a repository's address, "" if it has none."""
    match = _URL.fullmatch(repo) or _SCP.fullmatch(repo)
    return match["host"] if match else ""


def where_to_paste(repo: str) -> str:
    """A sentence with the page of the server where the key is added; an https address cannot use a key."""
    match = _URL.fullmatch(repo) or _SCP.fullmatch(repo)
    if match is None:
        return "Add it as a deploy key on the server of the repository."
    host, path = match["host"], match["path"].removesuffix("/").removesuffix(".git")
    if repo.startswith("http"):
        return f"A key works over SSH only: set `repo: git@{host}:{path}.git` in the config, and {_page(host, path)}"
    page = _page(host, path)
    return page[0].upper() + page[1:]


def _page(host: str, path: str) -> str:
    if host == "github.com":
        return (
            f"add the key at https://github.com/{path}/settings/keys/new as a deploy key "
            '(tick "Allow write access" to push).'
        )
    if "gitlab" in host:
        return (
            f"add the key at https://{host}/{path}/-/settings/repository under Deploy keys "
            '(tick "Grant write permissions" to push).'
        )
    return f"add the key at {host} in the settings of {path}, as a deploy key with write access."


def where_to_paste_gpg(repo: str) -> str:
    """A sentence with the page of the server where a GPG key is added to the user's account."""
    host = host_of(repo)
    if host == "github.com":
        return "Add it at https://github.com/settings/gpg/new, so that GitHub shows its commits as verified."
    if "gitlab" in host:
        return f"Add it at https://{host}/-/user_settings/gpg_keys, so that GitLab shows its commits as verified."
    if host:
        return f"Add it at https://{host} in the settings of your account, under GPG keys."
    return "Add it in the settings of your account on the server of the repository, under GPG keys."
