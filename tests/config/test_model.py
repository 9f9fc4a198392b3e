"""The fields of a config: what each takes, what it refuses, and what follows from it."""

from __future__ import annotations

import pytest

from dvmweb.config import kinds
from dvmweb.config.fields import DASHBOARD_PORTS, PortForward
from dvmweb.config.model import FIELDS, Defaults, VmConfig, form_fields
from dvmweb.config.validate import port_conflicts
from dvmweb.config.values import Wrong, size_text

GIB = 2**30
# Values that a command line, a path or a shell would take for something else (threats.md C01).
C01 = ["-f", "--debug", "-oProxyCommand=x", "a b", "a;b", "$(x)", "a\n", "a\0", "..", ".", "a/b", "A", "é", "а"]
C01 += ["", "lima:x", "x:y", "a" * 41, "a\u202eb", "{{.Home}}"]


def refused(**values: object) -> list[tuple[str, str]]:
    """The places and todos of every error of a config with these values."""
    with pytest.raises(Wrong) as caught:
        VmConfig.from_values({"name": "app", **values})
    return [(".".join(place), todo) for place, _, todo in caught.value.faults]


def config(**values: object) -> VmConfig:
    return VmConfig.from_values({"name": "app", **values})


@pytest.mark.parametrize("value", [*C01, "a" * 31, "a--b", "1a", "a-", 3, None])
def test_c01_vm_names(value: object) -> None:
    with pytest.raises(Wrong):
        VmConfig.from_values({"name": value})


@pytest.mark.parametrize("value", C01)
@pytest.mark.parametrize(
    "field", ["cpus", "memory", "disk", "image", "arch", "user", "code_dir", "repo", "kind", "baseline"]
)
def test_c02_the_same_values_in_every_field(field: str, value: str) -> None:
    assert [place for place, _ in refused(**{field: value})] == [field]


@pytest.mark.parametrize("value", C01)
def test_c02_the_same_values_in_lists_and_names(value: str) -> None:
    assert refused(ports=[3000, value])[0][0] == "ports.2"
    assert refused(recipes=["node", value])[0][0] == "recipes.2"
    assert refused(params={value: {"a": 1}})[0][0] == f"params.{value}"
    assert refused(params={"node": {value: 1}})[0][0] == f"params.node.{value}"
    assert refused(ports=value)[0][0] == "ports"


ODD: list[tuple[str, list[object]]] = [
    ("cpus", [0, -1, 65, True, None, [], "2", 10**17]),
    ("memory", [4, True, "4", "4GB", "4 GiB", "1.5GiB", "1e9GiB", "0GiB", "-1GiB", "100MiB", "2TiB", "4gib", "٤GiB"]),
    ("disk", [20, "900MiB", "17TiB", "9999999TiB"]),
    ("user", ["root", "admin", "wheel", "_x", "Dev", "d" * 32, "dev$", 1000, True, None]),
    (
        "image",
        ["~/x.qcow2", "./x.qcow2", "x.qcow2", "https://h/x.img", "/a/../b", "/a/", "alpine", "fedora-", "fedora-x"],
    ),
    (
        "image",
        [
            "template:fedora",
            "fedora-43.yaml",
            "/a\nb",
            "/a{{b",
            "debian-13;x",
            "fedora-123",
            "ubuntu-24",
            "debian-13.04",
        ],
    ),
    ("arch", ["arm64", "X86_64", True, None]),
    ("kind", ["ollama", "VM", ""]),
    ("code_dir", ["~", "~/", "code", "/", "/srv/x", "/home/dev", "/home/dev/", "/home/other/x", "~/a/../b", "~/./a"]),
    ("code_dir", ["~/.ssh", "~/.ssh/x", "~/.local/bin", "~/.x/y@1", "/home/dev/.ssh", "~/...", "~/bin", "~/bin/x"]),
    ("code_dir", ["~/go", "~/go/bin", "~/code/app/.git", "~/code/app/.git/hooks", "/etc", "/usr/local/bin", "/root/x"]),
    ("code_dir", ["~root/x", "~/a//b", "~/a/", "~/a b", "~/$HOME", "~/-x", "~/{{x", "~/a\n", "~/" + "a" * 120, "~/é"]),
    ("repo", ["http://h/a", "file:///a", "ext::sh -c x", "git://h/a", "/srv/a", "../a", "-x", "--upload-pack=x"]),
    ("repo", ["https://user@h/a", "https://u:secret@h/a", "ssh://git:secret@h/a", "https://-h/a", "git@-oProxy=x:a"]),
    ("repo", ["git@h:-x", "git@h:../x", "https://h/../x", "https://h", "https://h/a b", "https://h/a?token=x", "h:a"]),
    ("ports", [3000, "3000", {"3000": 80}, None, True]),
    ("recipes", ["node", {"node": 1}, None]),
    (
        "params",
        [[], "x", None, {"node": "x"}, {"node": None}, {"node": []}, {"corepack_version": "1"}, {"node": {"a": []}}],
    ),
    ("baseline", ["yes", "true", 1, 0, None]),
]


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ODD for value in values])
def test_a_value_that_cannot_be_used_is_refused_with_what_to_write(field: str, value: object) -> None:
    places = refused(**{field: value})
    assert [place.partition(".")[0] for place, _ in places] == [field]
    assert places[0][1].endswith((".", "?"))


NO_PORTS: list[object] = [
    0,
    70000,
    22,
    1023,
    *DASHBOARD_PORTS,
    "3000:22",
    "3000:0",
    "80:80",
    "3000-3010",
    "3000:",
    ":3000",
    "+3000",
]
NO_PORTS += ["0.0.0.0:3000:3000", "127.0.0.1:3000:3000", "3000/udp", "٣٠٠٠", True, None, [3000], -3000]


@pytest.mark.parametrize("port", NO_PORTS)
def test_c16_ports_that_are_refused(port: object) -> None:
    assert [place for place, _ in refused(ports=[5000, port])] == ["ports.2"]


def test_c12_all_ports_that_are_wrong_at_once() -> None:
    assert [place for place, _ in refused(ports=[0, 70000, 22, 3000, "3000:80"])] == [
        f"ports.{number}" for number in (1, 2, 3, 5)
    ]


def test_what_is_used_where_a_field_is_missing() -> None:
    vm = config()
    assert (vm.cpus, vm.memory, vm.disk, vm.user, vm.image, vm.arch) == (
        2,
        4 * GIB,
        20 * GIB,
        "dev",
        "fedora",
        "default",
    )
    assert (vm.repo, vm.ports, vm.recipes, vm.params, vm.baseline, vm.kind) == ("", (), (), {}, True, "vm")
    assert (vm.instance, vm.home, vm.code_dir) == ("dvm-app", "/home/dev", "~/code/app")
    assert vm.guest_code_dir == "/home/dev/code/app"


def test_every_fault_of_every_field_at_once() -> None:
    with pytest.raises(Wrong) as caught:
        VmConfig.from_values({"colour": "red", "kind": "VM", "ports": [0, 3000, 22], "memroy": "4GiB", "cpus": 0})
    assert [(".".join(place), todo) for place, _, todo in caught.value.faults if "ports" not in place] == [
        ("name", "Write one."),
        ("kind", "Write vm or llama or cloudflared or tailscale."),
        ("cpus", "Write a number from 1 to 64."),
        ("colour", f"The fields are {', '.join(FIELDS[1:])}."),
        ("memroy", "Write memory."),
    ]
    assert [place for place, *_ in caught.value.faults if "ports" in place] == [("ports", "1"), ("ports", "3")]
    assert str(caught.value).startswith("name: is missing; kind: 'VM' is not allowed; cpus: is 0; ")


@pytest.mark.parametrize("kind", kinds.SERVICES)
def test_a_service_brings_its_recipe_and_has_no_project(kind: str) -> None:
    vm = config(kind=kind, **kinds.SIZES[kind])
    assert (vm.is_service, vm.guest_name) == (True, "lima-dvm-app.internal")
    assert [place for place, _ in refused(kind=kind, repo="git@h:me/app.git")] == ["repo"]
    assert kinds.with_own_recipe(kind, ("git",)) == ("git", kind)
    assert kinds.with_own_recipe(kind, (kind, "git")) == (kind, "git")
    assert kinds.not_checked(kind).startswith("Not checked, and deleted with the VM: its ")


def test_a_project_has_neither() -> None:
    assert (config().is_service, kinds.with_own_recipe("vm", ("git",)), kinds.not_checked("vm")) == (
        False,
        ("git",),
        "",
    )


def test_a_code_folder_is_judged_alone_where_its_user_cannot_be_used() -> None:
    assert [place for place, _ in refused(user="Dev", code_dir="/home/jo/x")] == ["user"]
    assert [place for place, _ in refused(user="jo", code_dir="/home/dev/x")] == ["code_dir"]
    assert [place for place, _ in refused(name="app", code_dir="/home/jo/x")] == ["code_dir"]


def test_a_config_does_not_change_and_shares_nothing() -> None:
    params = {"node": {"a": 1}}
    vm = config(params=params)
    params["node"]["a"] = 2
    assert vm.params == {"node": {"a": 1}}
    assert config().params is not config().params
    with pytest.raises(AttributeError):
        vm.cpus = 3  # type: ignore[misc]


def test_the_tilde_is_always_the_guests_home() -> None:
    assert config(user="jo", code_dir="~/x/.y").guest_code_dir == "/home/jo/x/.y"
    assert config(user="jo", code_dir="/home/jo/x").guest_code_dir == "/home/jo/x"


@pytest.mark.parametrize(
    "repo",
    ["https://github.com/a/b.git", "https://h:8443/a", "ssh://git@h:2222/~u/a", "git@github.com:a/b", "ssh://h/a"],
)
def test_repository_addresses(repo: str) -> None:
    assert config(repo=repo).repo == repo


@pytest.mark.parametrize(
    "image", ["fedora", "fedora-43", "debian-13", "ubuntu-24.04", "ubuntu-lts", "/srv/a b é.qcow2"]
)
def test_images(image: str) -> None:
    assert config(image=image).image == image


@pytest.mark.parametrize(
    ("written", "size"), [("512MiB", GIB // 2), ("4GiB", 4 * GIB), ("1TiB", 2**40), ("1024GiB", 2**40)]
)
def test_sizes(written: str, size: int) -> None:
    assert config(memory=written).memory == size
    assert config(memory=size_text(size)).memory == size


def test_ports_open_on_the_loopback_only() -> None:
    given = config(ports=[3000, "3001", "8080:80"]).ports
    assert given == tuple(PortForward("127.0.0.1", *pair) for pair in ((3000, 3000), (3001, 3001), (8080, 80)))
    assert config(ports=given).ports == given
    assert refused(ports=[PortForward("0.0.0.0", 3000, 3000)])[0][0] == "ports.1"  # noqa: S104


def test_a_recipe_that_stands_twice_counts_once() -> None:
    assert config(recipes=["git", "node", "git"]).recipes == ("git", "node")


def test_port_conflicts_between_vms() -> None:
    vms = [
        VmConfig.from_values({"name": name, "ports": ports})
        for name, ports in {"web": [3000, "5000:80"], "app": [3000], "db": ["5001:80"], "api": ["5000:1"]}.items()
    ]
    web, app, db, api = vms
    faults = port_conflicts(web, [app, db, api])
    assert [place for place, _, _ in faults] == [("ports", "1"), ("ports", "2")]
    assert faults[0][1] == "host port 3000 is also declared by the VM app"
    assert '"3001:3000"' in faults[0][2]
    assert port_conflicts(db, [web, app, api]) == []


def test_a_form_shows_every_field_with_one_sentence() -> None:
    fields = form_fields()
    assert tuple(field.name for field in fields) == FIELDS
    assert {field.kind for field in fields} == {"text", "number", "size", "choice", "list", "params", "yes-no"}
    for field in fields:
        assert field.label
        assert field.help.endswith(".")
        assert ". " not in field.help


def test_a_form_shows_the_users_own_defaults() -> None:
    values = {field.name: field.default for field in form_fields(Defaults({"memory": "8GiB", "ports": [3000]}), "web")}
    assert (values["memory"], values["ports"], values["code_dir"], values["repo"]) == (
        "8GiB",
        [3000],
        "~/code/web",
        None,
    )


def test_examples_of_a_form_are_valid() -> None:
    for field in form_fields():
        VmConfig.from_values({"name": "app", field.name: field.example})
