"""Where to add a VM's public keys, by the address of its repository."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>[^/].*)")
_URL = re.compile(r"(?:https?|ssh)://(?:[^@/]+@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)")


def host_of(repo: str) -> str:
    """The server of a repository's address, "" if it has none."""
    return _place(repo)[0]


@dataclass(frozen=True)
class KeyPage:
    """The page of a server on which the deploy keys of a repository are."""

    service: str  # GitHub, GitLab, Codeberg; else the host
    url: str  # "" for a server of which only the host is known
    advice: str  # what to do there


def key_page(repo: str) -> KeyPage | None:
    """The page for the keys of a repository; None for an address without a server."""
    host, path = _place(repo)
    if not host:
        return None
    if host == "github.com":
        return KeyPage("GitHub", f"https://github.com/{path}/settings/keys/new", 'Tick "Allow write access" to push.')
    if "gitlab" in host:
        url = f"https://{host}/{path}/-/settings/repository#js-deploy-keys-settings"
        service = "GitLab" if host == "gitlab.com" else host
        return KeyPage(service, url, 'Under Deploy keys, tick "Grant write permissions to this key" to push.')
    if host == "codeberg.org":
        return KeyPage("Codeberg", f"https://{host}/{path}/settings/keys", 'Tick "Enable write access" to push.')
    where = "In the settings of the repository, look for deploy keys, with write access to push. Without deploy keys: "
    return KeyPage(host, "", f"{where}the SSH keys of your account there, or of an account for this VM alone.")


def ssh_address(repo: str) -> str:
    """The address with which the key of a VM is used: that of the repository, or the one of an https address.

    "" if the server is reached in another way, or at a port that says nothing about SSH.
    """
    if repo.startswith(("http://", "https://")):
        host, path = _place(repo)
        has_port = bool(re.match(r"https?://(?:[^@/]+@)?[^/]*:", repo))
        return f"git@{host}:{path}.git" if host and not has_port else ""
    return repo if _place(repo)[0] else ""


def _place(repo: str) -> tuple[str, str]:
    """The host and the path of an address, ("", "") if it has none."""
    match = _URL.fullmatch(repo) or _SCP.fullmatch(repo)
    return (match["host"], match["path"].removesuffix("/").removesuffix(".git")) if match else ("", "")


def where_to_paste(repo: str) -> str:
    """A sentence with the page of the server where the key is added; an https address cannot use a key."""
    host, path = _place(repo)
    if not host:
        return "Add it as a deploy key on the server of the repository."
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
    if host == "codeberg.org":
        return (
            f'add the key at https://{host}/{path}/settings/keys as a deploy key (tick "Enable write access" to push).'
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
