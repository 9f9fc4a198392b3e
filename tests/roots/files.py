"""What a recipe has made or changed in a root: each path with its kind, mode, owner, target and content."""

from __future__ import annotations

from tests.roots.applying import Root

# Logs and caches; the time at which a recipe was applied; what sudo and systemd note for themselves.
PASSING = (
    "/var/log",
    "/var/cache",
    "/var/lib/apt/lists",
    "/var/lib/dvm/recipes",
    "/var/lib/systemd",
    "/var/lib/sudo",
    "/home/dev/.cache",
    "/home/dev/.npm",
    "/root/.npm",
    "/root/.cache",
    "/home/dev/.local/state/pipx/log",
    "/home/dev/.local/pipx/logs",
    "/home/dev/.config/go/telemetry",
)
LIST = r"""
since=$1 && shift
skip=() && for path in "$@"; do skip+=(-path "$path" -prune -o); done
found() { find / -xdev "${skip[@]}" -newerct "@$since" "$@"; }
found -printf '%p\t%y %m %u %g %l\0'
found -type f -print0 | xargs -0r sha256sum -z | while IFS= read -r -d '' line; do
  printf '%s\t%s\0' "${line:66}" "${line:0:64}"
done
"""


def now(root: Root) -> str:
    return root.run(("date", "+%s.%N"), "root").stdout.strip()


def changed(root: Root, since: str) -> dict[str, str]:
    """Path -> what is there now, of all that was touched in the root `since` then."""
    done = root.run(("bash", "-c", LIST, "list", since, *PASSING), "root")
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = {}
    for entry in done.stdout.split("\0")[:-1]:
        path, _, what = entry.rpartition("\t")
        found[path] = f"{found.get(path, '')} {what}"
    return found


def difference(before: dict[str, str], after: dict[str, str], may_change: tuple[str, ...]) -> list[str]:
    paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return [path for path in paths if not path.startswith(may_change)] if may_change else paths
