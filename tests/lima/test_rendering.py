"""C05..C09: the rendered lima.yaml, the overlay, the difference, and the judge of the effective config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dvmweb.errors import ConfigError, UsageError
from dvmweb.lima.instances import Instance, parse_list
from dvmweb.lima.lima_yaml import effective
from dvmweb.lima.lima_yaml.overlay import REFUSED, SCHEMA, find_problems, read_overlay
from dvmweb.lima.lima_yaml.rendering import expected_difference, port_rules, render, size
from tests.lima.dvm_home import DATA, Port, desired

EVERYWHERE = "0.0.0.0"  # noqa: S104  (a rule about it, nothing listens)
LEGACY = {"firmware": {"legacyBIOS": True}}
OVERLAY = {
    **LEGACY,
    "vmType": "qemu",
    "vmOpts": {"qemu": {"cpuType": {"x86_64": "max"}, "minimumVersion": "6.2.0"}},
    "dns": ["9.9.9.9"],
    "hostResolver": {"hosts": {"a.lan": "10.0.0.1"}},
    "caCerts": {"removeDefaults": False},
    "timezone": "Europe/Berlin",
    "nestedVirtualization": False,
    "upgradePackages": False,
    "message": 'hi "there" é😀\nline \\ x',
    "env": {"A": "1e3", "B": "y", "C": "012", "D": "~ # x: y", "E": "it's"},
    "video": {"display": "none"},
}


def effective_config(name: str = "dvm-t1") -> dict[str, Any]:
    """What real Lima 2.2.0 made of a config rendered by us (t1 with OVERLAY, t2 with LEGACY)."""
    instance = parse_list((DATA / "rendered-2.2.0.jsonl").read_bytes()).find(name)
    assert instance is not None
    assert instance.config is not None
    return dict(instance.config)


def test_the_whole_of_a_rendered_config() -> None:
    text = render(desired(image="fedora-43", ports=(Port(3000, 8080),)), {})
    assert json.loads(text) == {
        "minimumLimaVersion": "2.0.0",
        "base": ["template:_images/fedora-43"],
        "cpus": 1,
        "memory": "1GiB",
        "disk": "4GiB",
        "mounts": [],
        "user": {"name": "dev", "uid": 1000, "home": "/home/dev", "comment": "dev", "shell": "/bin/bash"},
        "ssh": {"loadDotSSHPubKeys": False, "forwardAgent": False},
        "containerd": {"system": False, "user": False},
        "propagateProxyEnv": False,
        "networks": [{"lima": "user-v2"}],
        "portForwards": [
            {"guestPort": 8080, "hostIP": "127.0.0.1", "hostPort": 3000, "proto": "tcp"},
            {"guestIP": EVERYWHERE, "guestIPMustBeZero": False, "proto": "any", "ignore": True, "guestPort": 5355},
            {
                "guestIP": EVERYWHERE,
                "guestIPMustBeZero": False,
                "proto": "any",
                "ignore": True,
                "guestPortRange": [1, 65535],
            },
        ],
    }


@pytest.mark.parametrize(
    ("image", "template"),
    [
        ("fedora", "fedora"),
        ("fedora-44", "fedora-44"),
        ("debian", "debian-13"),  # Lima 2.2.0 has no _images/debian
        ("debian-12", "debian-12"),
        ("ubuntu", "ubuntu"),
        ("ubuntu-24.04", "ubuntu-24.04"),
        ("ubuntu-lts", "ubuntu-lts"),
    ],
)
def test_named_images(image: str, template: str) -> None:
    assert json.loads(render(desired(image=image, arch="aarch64"), {}))["base"] == [f"template:_images/{template}"]


def test_local_image_with_its_arch() -> None:
    config = json.loads(render(desired(image="/i/x y.qcow2", arch="aarch64"), LEGACY))
    assert config["images"] == [{"location": "/i/x y.qcow2", "arch": "aarch64"}]
    assert (config["arch"], config["firmware"]) == ("aarch64", {"legacyBIOS": True})
    assert "base" not in config


@pytest.mark.parametrize(
    "image",
    [
        "",
        "alpine",
        "fedora-123",
        "ubuntu-24",
        "debian-13.04",
        "fedora-43/../x",
        "fedora\n",
        "../x",
        "https://x/y",
        "~/x.qcow2",
        "-x",
    ],
)
def test_c05_odd_images_are_refused(image: str) -> None:
    with pytest.raises(UsageError):
        render(desired(image=image), {})


PLAIN = ["1e3", "0o17", "y", "no", "~", "null", ".inf", "1:20", "012", "=", "2026-11-24", "*a", "!x", "a: b", "# x"]
PLAIN += ["x\nmounts: [{location: /}]", "it's", '"', "\\", "\\u0041", "é😀", "- a", "{a}", "[", "%", "@", "`", "|", ">"]


@pytest.mark.parametrize("value", PLAIN)
def test_c05_text_stays_text_for_another_parser(value: str) -> None:
    text = render(desired(user="dev"), {"message": value, "env": {"A": value}})
    parsed = yaml.safe_load(text)
    assert (parsed["message"], parsed["env"]["A"]) == (value, value)
    assert parsed["mounts"] == []


@pytest.mark.parametrize(
    "value", ["{{.Home}}", "a\u2028b", "\x85", "\x1b[0m", "\0", "\u202e", "\ud800", "\ufeff", "\x7f"]
)
def test_c05_what_no_parser_may_see_is_refused(value: str) -> None:
    for place in ({"message": value}, {"env": {"A": value}}, {"env": {value: "x"}}):
        with pytest.raises(UsageError):
            render(desired(), place)


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")), max_size=40)
PORTS = st.builds(Port, st.integers(1024, 65535), st.integers(1, 65535))
WISHES = st.builds(
    desired,
    cpus=st.integers(1, 64),
    memory_bytes=st.integers(1 << 28, 1 << 40),
    disk_bytes=st.integers(1 << 30, 1 << 44),
    user=st.from_regex(r"[a-z_][a-z0-9_-]{0,30}", fullmatch=True),
    image=st.sampled_from(["fedora", "debian-12", "ubuntu-24.04"]) | TEXT.map(lambda t: "/" + t.replace("{{", "")),
    arch=st.sampled_from(["default", "x86_64", "aarch64"]),
    ports=st.lists(PORTS, max_size=8, unique_by=lambda p: p.host_port).map(tuple),
)


@given(WISHES, st.dictionaries(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), TEXT.map(lambda t: t.replace("{{", ""))))
def test_c06_c07_parse_of_render_is_the_same_and_always_closed(one: Any, env: dict[str, str]) -> None:
    text = render(one, {"env": env})
    config = json.loads(text)
    assert yaml.safe_load(text) == config
    assert (config["mounts"], config["networks"], config["env"]) == ([], [{"lima": "user-v2"}], env)
    assert config["ssh"]["forwardAgent"] is config["propagateProxyEnv"] is False
    assert "copyToHost" not in config
    *declared, _, last = config["portForwards"]
    assert {rule["hostIP"] for rule in declared} <= {"127.0.0.1"}
    assert (last["ignore"], last["guestIPMustBeZero"], last["guestPortRange"]) == (True, False, [1, 65535])


@given(st.integers(1, 1 << 50))
def test_sizes_are_exact(count: int) -> None:
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    text = size(count)
    assert int(text[:-3]) * units[text[-3:]] == count if text[-1] == "B" else int(text) == count


# -- effective ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "overlay"), [("dvm-t1", OVERLAY), ("dvm-t2", LEGACY)])
def test_what_real_lima_fills_in_is_accepted(name: str, overlay: dict[str, Any]) -> None:
    assert effective.problems(effective_config(name), desired(), overlay) == ()
    assert effective.problems(effective_config(name), desired()) == ()


FILLED = [json.loads(line) for line in (DATA / "filled-2.2.0.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("record", FILLED, ids=lambda record: str(record["wish"]))
def test_what_real_lima_makes_of_every_image_is_accepted(record: dict[str, Any]) -> None:
    assert effective.problems(record["config"], desired(**record["wish"]), record["overlay"]) == ()


def test_the_recorded_configs_come_from_every_kind_of_image() -> None:
    kinds = {(record["wish"]["image"].partition("-")[0], record["wish"]["arch"]) for record in FILLED}
    assert kinds >= {(image, arch) for image in ("fedora", "debian", "ubuntu") for arch in ("default", "aarch64")}
    assert all(record["config"]["images"] for record in FILLED)


def test_c09_a_planted_override_is_refused() -> None:
    found = effective.problems(json.loads((DATA / "override-2.2.0.json").read_text()), desired(), OVERLAY)
    assert [problem.partition(":")[0] for problem in found] == ["mounts", "portForwards"]
    assert "/home/limauser of the host would be writable" in found[0]
    assert "[9999, 9999]" in found[1]


def test_c09_everything_that_a_real_override_can_open_is_named() -> None:
    """Real Lima 2.2.0 with an override.yaml of the keys that a list of dangerous ones had not thought of."""
    config = json.loads((DATA / "override-more-2.2.0.json").read_text())
    found = effective.problems(config, desired(), LEGACY)
    said = {problem.partition(" ")[0].rstrip(":") for problem in found}
    assert said == {
        "caCerts.files", "env.OPENED", "images", "firmware.images", "user.shell", "ssh.localPort",
        "hostResolver.hosts.github.com", "dns", "vmOpts.qemu.cpuType.x86_64", "param.x",
    }  # fmt: skip
    assert "/etc/hostname" in "\n".join(found)
    assert "in-a-variable" not in "\n".join(found)  # the value of a variable may be a password


RULE = {
    "guestIPMustBeZero": False,
    "guestIP": "127.0.0.1",
    "guestPort": 3000,
    "guestPortRange": [3000, 3000],
    "hostIP": "127.0.0.1",
    "hostPort": 3000,
    "hostPortRange": [3000, 3000],
    "proto": "tcp",
}
USER: dict[str, Any] = {"name": "dev", "uid": 1000, "home": "/home/dev", "comment": "dev", "shell": "/bin/bash"}
USER["passwordlessSudo"] = True
OPENINGS: list[tuple[str, Any, str]] = [
    ("mounts", [{"location": "/x", "mountPoint": "/x"}], "readable"),
    ("mounts", ["odd"], "odd"),
    ("mounts", {"location": "/x"}, "mounts"),
    ("ssh", {"forwardAgent": True}, "ssh.forwardAgent"),
    ("ssh", {"forwardX11": True}, "ssh.forwardX11"),
    ("ssh", {"forwardX11Trusted": True}, "ssh.forwardX11Trusted"),
    ("ssh", {"loadDotSSHPubKeys": True}, "loadDotSSHPubKeys"),
    ("propagateProxyEnv", True, "proxy"),
    ("propagateProxyEnv", "true", "proxy"),
    ("containerd", {"user": True}, "containerd.user"),
    ("containerd", {"system": True}, "containerd.system"),
    ("copyToHost", [{"guest": "/a", "host": "/b"}], "copyToHost"),
    ("additionalDisks", [{"name": "x"}], "additionalDisks"),
    ("provision", [{"mode": "system"}], "provision"),
    ("probes", [{"script": "x"}], "probes"),
    ("networks", [], "none"),
    ("networks", None, "none"),
    ("networks", [{"lima": "user-v2"}, {"lima": "user-v2"}], "user-v2, user-v2"),
    ("networks", [{"lima": "shared"}], "shared"),
    ("networks", [{"vzNAT": True}], "another kind"),
    ("networks", [{"lima": "user-v2", "socket": "/x"}], "networks"),
    ("audio", {"device": "default"}, "sound"),
    ("video", {"display": "vnc"}, "VNC"),
    ("user", {"name": "u", "uid": 1000, "home": "/home/dev"}, "user.name is u"),
    ("user", {"name": "dev", "uid": 501, "home": "/home/dev"}, "user.uid is 501"),
    ("user", None, "user.home"),
    ("user", {**USER, "shell": "/tmp/x"}, "user.shell is /tmp/x"),
    ("user", {**USER, "passwordlessSudo": False}, "user.passwordlessSudo"),
    ("user", {**USER, "keys": ["x"]}, "user.keys"),
    ("caCerts", {"files": ["/etc/passwd"]}, "caCerts.files is ['/etc/passwd']: that reads files"),
    ("caCerts", {"certs": ["x"]}, "caCerts.certs"),
    ("caCerts", {"removeDefaults": True}, "caCerts.removeDefaults"),
    ("env", {"A": "secret"}, "env.A is set"),
    ("images", [{"location": "/etc/shadow"}], "images: /etc/shadow"),
    ("images", [{"location": "https://debian.org.evil.example/x"}], "images: https://debian.org.evil"),
    ("images", [{"location": "https://evil.example@x/debian.org"}], "images: https://evil.example@x"),
    ("images", [{"location": "https://debian.org@evil.example/x"}], "images: https://debian.org@evil"),
    ("images", [{"location": "http://cloud.debian.org/x"}], "images: http://"),
    ("images", [{"location": "https://cloud.debian.org/x", "kernel": {"location": "/boot/x"}}], "images: /boot/x"),
    ("images", [{"location": "https://cloud.debian.org/x", "script": "x"}], "script"),
    ("images", ["/x"], "images: /x"),
    ("firmware", {"images": [{"location": "/x"}]}, "firmware.images"),
    ("ssh", {"localPort": 22}, "ssh.localPort is 22"),
    ("ssh", 7, "ssh is 7"),
    ("hostResolver", {"hosts": {"github.com": "10.0.0.1"}}, "hostResolver.hosts.github.com is 10.0.0.1"),
    ("dns", ["10.0.0.1"], "dns is"),
    ("vmOpts", {"qemu": {"cpuType": {"x86_64": "max -drive file=/x"}}}, "vmOpts.qemu.cpuType.x86_64"),
    ("cpuType", {"x86_64": "max"}, "cpuType.x86_64"),
    ("vmType", "wsl2", "vmType is wsl2"),
    ("os", "Darwin", "os is Darwin"),
    ("guestInstallPrefix", "/x", "guestInstallPrefix"),
    ("plain", True, "plain is True"),
    ("tpm", True, "tpm is True"),
    ("rosetta", {"enabled": True}, "rosetta.enabled"),
    ("mountInotify", True, "mountInotify"),
    ("networks", [{"lima": "user-v2", "bridge": "en0"}], "networks"),
    ("aNewKey", {"deep": [{"x": 1}]}, "aNewKey.deep"),
    ("a\x1b[2Jkey", True, "a\\x1b[2Jkey is True"),
]


@pytest.mark.parametrize(("key", "value", "said"), OPENINGS)
def test_c09_each_opening_is_named(key: str, value: Any, said: str) -> None:
    found = effective.problems({**effective_config("dvm-t2"), key: value}, desired(), LEGACY)
    assert any(said in problem for problem in found), found
    assert not any("\x1b" in problem for problem in found)


@pytest.mark.parametrize("value", [False, None, "", 0, [], {}, {"enabled": False, "list": []}])
def test_a_new_key_of_a_newer_lima_passes_while_it_is_off(value: Any) -> None:
    config = effective_config("dvm-t2")
    config["newThing"] = value
    config["ssh"] = {**config["ssh"], "newThing": value}
    assert effective.problems(config, desired(), LEGACY) == ()


def test_what_the_overlay_wishes_passes_and_nothing_else_of_its_keys() -> None:
    config = effective_config()  # made with OVERLAY
    for key in ("dns", "env", "message", "hostResolver", "vmOpts", "firmware"):
        less = {name: value for name, value in OVERLAY.items() if name != key}
        found = effective.problems(config, desired(), less)
        assert found
        assert all(problem.startswith(key) for problem in found)
        assert effective.problems(config, desired(), less, changing=[key]) == ()
    assert effective.problems({**config, "mounts": [{"location": "/x"}]}, desired(), OVERLAY, changing=["mounts"])
    assert effective.problems({**config, "caCerts": {"files": ["/x"]}}, desired())  # no overlay could hold that


def test_an_address_is_the_same_however_it_is_written() -> None:
    config = {**effective_config("dvm-t2"), "dns": ["::1"]}
    assert effective.problems(config, desired(), {**LEGACY, "dns": ["0:0:0:0:0:0:0:1"]}) == ()


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (None, "user-v2"),
        ("", "user-v2"),
        ("networks:\n  user-v2:\n    mode: user-v2\n    gateway: 192.168.104.1\n", "user-v2"),
        ("networks:\n  other:\n    mode: user-v2\n", "user-v2"),
        ("networks:\n  user-v2:\n    mode: bridged\n    interface: en0\n", "bridged"),
        ("networks:\n  user-v2:\n    mode: host\n", "host"),
        ("networks:\n  user-v2: {}\n", "None"),
        ("networks:\n  user-v2: [mode]\n", "unreadable"),
        ("networks: 7\n", "unreadable"),
        ("networks: {{\n", "unreadable"),
        ("networks:\n  user-v2: {mode: user-v2}\n  user-v2: {mode: host}\n", "unreadable"),
    ],
)
def test_c09_another_meaning_of_user_v2_is_named(tmp_path: Path, text: str | None, mode: str) -> None:
    if text is not None:
        (tmp_path / "_config").mkdir()
        (tmp_path / "_config" / "networks.yaml").write_text(text)
    assert effective.network_mode(tmp_path) == mode
    found = effective.problems(effective_config("dvm-t2"), desired(), LEGACY, mode=mode)
    assert len(found) == (mode != "user-v2")
    assert all("networks.yaml" in problem for problem in found)


def test_the_networks_file_that_real_lima_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "_config").mkdir()
    (tmp_path / "_config" / "networks.yaml").write_bytes((DATA / "networks-2.2.0.yaml").read_bytes())
    assert effective.network_mode(tmp_path) == "user-v2"


FORWARDS: list[tuple[dict[str, Any], str]] = [
    ({"guestPortRange": [9, 9], "guestPort": 9}, "undeclared"),
    ({"guestPortRange": [3000, 3001], "hostPortRange": [3000, 3001]}, "undeclared"),
    ({"hostPortRange": [3001, 3001], "hostPort": 3001}, "undeclared"),
    ({"guestIP": EVERYWHERE}, "undeclared"),
    ({"proto": "any"}, "undeclared"),
    ({"static": True}, "undeclared"),
    ({"hostIP": EVERYWHERE}, "open on 0.0.0.0"),
    ({"hostIP": "::1"}, "open on ::1"),
    ({"hostIP": None}, "open on None"),
    ({"reverse": True, "guestSocket": "/a", "hostSocket": "/b"}, "socket"),
    ({"ignore": True, "hostSocket": "/b"}, "socket"),
    ({"guestPortRange": None}, "undeclared"),
    ({"guestPortRange": "\x1b"}, "undeclared"),
]


@pytest.mark.parametrize(("changes", "said"), FORWARDS)
@pytest.mark.parametrize("is_first", [True, False])
def test_c09_each_odd_forward_is_named(changes: dict[str, Any], said: str, is_first: bool) -> None:
    config = effective_config()
    rules, rule = config["portForwards"], {**RULE, **changes}
    config["portForwards"] = [rule, *rules] if is_first else [*rules, rule]
    found = effective.problems(config, desired())
    assert len(found) == 1
    assert said in found[0]
    assert "\x1b" not in found[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"ignore": False},
        {"guestIPMustBeZero": True},
        {"guestIP": "127.0.0.1"},
        {"proto": "tcp"},
        {"guestPortRange": [1, 65534]},
        {"static": True},
    ],
)
def test_c07_a_closing_rule_that_does_not_close_is_named(changes: dict[str, Any]) -> None:
    config = effective_config()
    *others, last = config["portForwards"]
    found = effective.problems({**config, "portForwards": [*others, {**last, **changes}]}, desired())
    assert any("the last rule" in problem for problem in found), found


def test_a_declared_forward_behind_the_closing_rule_is_named() -> None:
    config = effective_config()
    first, *others = config["portForwards"]
    [found] = effective.problems({**config, "portForwards": [*others, first]}, desired())
    assert "3000 comes after" in found


@pytest.mark.parametrize("config", [{}, {"ssh": 7, "networks": 7, "portForwards": [7, None], "user": [], "mounts": 7}])
def test_a_config_of_any_shape_is_judged(config: dict[str, Any]) -> None:
    assert len(effective.problems(config, desired())) >= 4


# -- difference -----------------------------------------------------------------------------------------------------


def instance(name: str = "dvm-t1", **changes: Any) -> Instance:
    values = {"cpus": 1, "memory": 1 << 30, "disk": 4 << 30, "config": effective_config(name), **changes}
    return Instance(name, "Stopped", **values)


def test_nothing_differs_from_what_was_rendered() -> None:
    assert expected_difference(instance(), desired(), OVERLAY) == {}
    assert expected_difference(instance("dvm-t2"), desired(), LEGACY) == {}


def test_each_change_is_one_edit() -> None:
    changed = desired(cpus=3, memory_bytes=3 << 29, disk_bytes=5 << 30, ports=(Port(4000, 80),))
    assert expected_difference(instance(), changed, OVERLAY) == {
        "cpus": 3,
        "memory": "1536MiB",
        "disk": "5GiB",
        "portForwards": port_rules((Port(4000, 80),)),
    }


def test_overlay_keys_are_edited_but_the_vm_type() -> None:
    found = expected_difference(instance("dvm-t2"), desired(), {**OVERLAY, "vmType": "vz"})
    assert set(found) == {"vmOpts", "dns", "hostResolver", "timezone", "message", "env"}
    assert found["hostResolver"] == {"hosts": {"a.lan": "10.0.0.1"}, "enabled": False}


def test_what_was_taken_out_of_the_overlay_goes_back_to_limas_default() -> None:
    less = {key: value for key, value in OVERLAY.items() if key not in ("dns", "hostResolver", "message")}
    less["env"] = {"A": "1e3"}
    found = expected_difference(instance(), desired(), less)
    assert found == {"dns": [], "hostResolver": {"enabled": True}, "message": "", "env": {"A": "1e3"}}
    assert effective.problems({**effective_config(), **found}, desired(), less) == ()


def test_a_disk_never_gets_smaller() -> None:
    with pytest.raises(UsageError, match="cannot shrink"):
        expected_difference(instance(), desired(disk_bytes=3 << 30), {})


@pytest.mark.parametrize("config", [None, {}, {"portForwards": [{"ignore": True}]}])
def test_forwards_that_are_not_ours_are_written_anew(config: dict[str, Any] | None) -> None:
    assert "portForwards" in expected_difference(instance(config=config), desired(ports=()), {})


# -- overlay --------------------------------------------------------------------------------------------------------


def test_the_overlay_that_real_lima_took_passes() -> None:
    assert list(find_problems(OVERLAY)) == []


def test_no_overlay_and_an_empty_one(tmp_path: Path) -> None:
    assert read_overlay(tmp_path / "lima.yaml") == {}
    (tmp_path / "lima.yaml").write_text("\n")
    assert read_overlay(tmp_path / "lima.yaml") == {}


def test_overlay_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "lima.yaml"
    file.write_text(
        "firmware: {legacyBIOS: true}\ndns: [9.9.9.9, '::1']\ntimezone: Etc/GMT+2\n"
        "caCerts:\n  certs:\n  - |\n    -----BEGIN CERTIFICATE-----\n    MII\n    -----END CERTIFICATE-----\n"
    )
    overlay = read_overlay(file)
    assert overlay["firmware"] == {"legacyBIOS": True}
    config = json.loads(render(desired(), overlay))
    assert config["hostResolver"] == {"enabled": False}  # Lima refuses dns beside an enabled resolver
    assert config["caCerts"]["certs"][0].endswith("-----END CERTIFICATE-----\n")


def test_all_problems_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "lima.yaml"
    file.write_text("mounts: []\nfirmware:\n  legacyBIOS: maybe\n  images: []\nnested: 1\ncaCerts: {files: [/x]}\n")
    with pytest.raises(ConfigError) as caught:
        read_overlay(file)
    found = [(problem.field, problem.line) for problem in caught.value.problems]
    assert found == [
        ("mounts", 1),
        ("firmware.legacyBIOS", 3),
        ("firmware.images", 4),
        ("nested", 5),
        ("caCerts.files", 6),
    ]
    assert all(problem.file == str(file) and problem.todo for problem in caught.value.problems)


REFUSED_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"vmType": "wsl2"}, "vmType"),
    ({"vmOpts": {"qemu": {"cpuType": {"x86_64": "max -drive file=/etc/passwd"}}}}, "vmOpts.qemu.cpuType.x86_64"),
    ({"vmOpts": {"qemu": {"cpuType": "max"}}}, "vmOpts.qemu.cpuType"),
    ({"vmOpts": {"krunkit": {}}}, "vmOpts.krunkit"),
    ({"dns": ["localhost"]}, "dns"),
    ({"dns": "9.9.9.9"}, "dns"),
    ({"hostResolver": {"hosts": {"a b": "1.1.1.1"}}}, "hostResolver.hosts.a b"),
    ({"hostResolver": {"hosts": {"a": "{{.Dir}}"}}}, "hostResolver.hosts.a"),
    ({"timezone": "../../etc/passwd"}, "timezone"),
    ({"video": {"display": "vnc"}}, "video.display"),
    ({"video": {"vnc": {"display": "0.0.0.0:5"}}}, "video.vnc"),
    ({"message": "{{.Home}}"}, "message"),
    ({"env": {"A": 1}}, "env.A"),
    ({"env": {"A-B": "1"}}, "env.A-B"),
    ({"caCerts": {"certs": ["/etc/passwd"]}}, "caCerts.certs"),
    ({"nestedVirtualization": "yes"}, "nestedVirtualization"),
    ({"firmware": True}, "firmware"),
    ({"\x1b[2J": 1}, "\\x1b[2J"),
]


@pytest.mark.parametrize(("overlay", "field"), REFUSED_VALUES)
def test_c09_values_that_open_or_break_are_refused(overlay: dict[str, Any], field: str) -> None:
    assert [problem[0] for problem in find_problems(overlay)] == [field]


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_c09_every_known_key_that_opens_the_host_is_refused_with_a_reason(key: str) -> None:
    top, _, below = key.partition(".")
    [(field, _, todo)] = find_problems({top: {below: []} if below else []})
    assert (field, todo) == (key, REFUSED[key])
    assert key not in SCHEMA
