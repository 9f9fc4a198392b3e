"""Values and files that the tests of the config share."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from dvmweb.config.fields import DASHBOARD_PORTS
from dvmweb.config.store import ConfigStore
from dvmweb.config.values import text


def write(store: ConfigStore, name: str, content: str | bytes) -> Path:
    """Put a config file of a VM in place; `config.yaml` when `name` is empty."""
    path = store.paths.vm_config(name) if name else store.paths.config_file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _is_text(value: str) -> bool:
    try:
        return text(value) == value
    except Exception:
        return False


# Text that YAML readers like to take for something else, and any other text that a config may hold.
TRAPS = ["1e3", "0o17", "017", "y", "no", "~", "null", ".inf", "1:20", "012", "=", "2026-11-24", "*a", "!x", "a: b"]
TRAPS += ["# x", "x #y", "&a", "@x", "%x", "`x", "- x", "? x", "[x", "{x}", "'", '"', "\\", " x ", "", "<<", "-", "x:"]
TEXTS = st.sampled_from(TRAPS) | st.text(max_size=20).filter(_is_text)
RECIPES = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?", fullmatch=True)
PARAM_NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,3})?", fullmatch=True)
SIZES = st.builds("{}{}".format, st.integers(1, 9), st.sampled_from(["GiB"])) | st.just("512MiB")
HOST_PORTS = st.integers(1024, 65535).filter(lambda port: port not in DASHBOARD_PORTS)
PORTS = HOST_PORTS | st.builds("{}:{}".format, HOST_PORTS, st.integers(23, 65535))
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "cpus": st.integers(1, 64),
        "memory": SIZES,
        "disk": SIZES.filter(lambda size: size != "512MiB"),
        "image": st.sampled_from(["fedora", "debian-13", "ubuntu-24.04", "/srv/an image é.qcow2"]),
        "arch": st.sampled_from(["default", "x86_64", "aarch64"]),
        "user": st.sampled_from(["dev", "no", "null", "y", "on"]),
        "code_dir": st.sampled_from(["~/code/x", "~/x.d/y@1", "~/no"]),
        "repo": st.sampled_from(["https://example.org/a.git", "git@example.org:a/b", "ssh://git@example.org:22/a"]),
        "ports": st.lists(PORTS, max_size=4, unique_by=lambda port: str(port).partition(":")[0]),
        "recipes": st.lists(RECIPES, max_size=4, unique=True),
        "params": st.dictionaries(
            RECIPES,
            st.dictionaries(PARAM_NAMES, TEXTS | st.integers(-(10**9), 10**9) | st.booleans(), max_size=3),
            max_size=3,
        ),
        "baseline": st.booleans(),
        "kind": st.just("vm"),
    },
)
