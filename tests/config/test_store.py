"""Config files on disk: read with every problem at once, written whole, edited without losing a comment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from dvmweb import files
from dvmweb.config import stray_files, yaml_editor, yaml_reader
from dvmweb.config.legacy import bash_config_hint
from dvmweb.config.model import VmConfig
from dvmweb.config.store import ConfigStore
from dvmweb.errors import ConfigError, DvmError, NotFound, UsageError
from tests.config.given import CONFIGS, write

GIB = 2**30


def problems_of(store: ConfigStore, name: str) -> list[tuple[str, str, int]]:
    with pytest.raises(ConfigError) as caught:
        store.read(name)
    return [(Path(problem.file).name, problem.field, problem.line) for problem in caught.value.problems]


def edit(store: ConfigStore, changes: dict[str, object], expected: str) -> str:
    """Change fields of the file of app, as a form does."""
    data, _ = store.source("app")
    text = yaml_editor.edited(data.decode(), yaml_reader.scan(data, "app.yaml"), changes)
    return store.replace("app", text.encode(), expected)


def test_defaults_stand_below_the_vms_own_values(store: ConfigStore) -> None:
    write(store, "", "cpus: 8\nuser: jo\nparams: {node: {a: 1, b: 2}, git: {c: 3}}\n")
    write(store, "app", "cpus: 4\nparams:\n  node: {b: 5}\n")
    vm = store.read("app")
    assert (vm.name, vm.cpus, vm.user, vm.memory) == ("app", 4, "jo", 4 * GIB)
    assert vm.params == {"node": {"a": 1, "b": 5}, "git": {"c": 3}}


def test_a_bundle_stands_for_its_recipes(store: ConfigStore) -> None:
    write(store, "", "bundles: {web: [git, node], tools: [tmux]}\nrecipes: [tools]\n")
    write(store, "app", "recipes: [zsh, web, git]\n")
    write(store, "plain", "")
    assert store.read("app").recipes == ("zsh", "git", "node")
    assert store.read("plain").recipes == ("tmux",)
    assert store.read_defaults().bundles == {"web": ("git", "node"), "tools": ("tmux",)}


def test_c12_all_problems_of_both_files_at_once_each_with_its_line(store: ConfigStore) -> None:
    write(store, "", "# mine\nrepo: https://h/a\nmemory: 4\nbundles:\n  web: [A]\n  all: [web]\nuser: no\n")
    write(
        store,
        "app",
        "cpus: -1\nmemroy: 1GiB\ndisk: 1e9GiB\n\nports:\n  - 0\n  - 70000\n  - 22\n  - 1:20\nname: x\nbundles: {}\n",
    )
    assert problems_of(store, "app") == [
        ("config.yaml", "repo", 2),
        ("config.yaml", "memory", 3),
        ("config.yaml", "bundles.web.1", 5),
        ("config.yaml", "bundles.all.1", 6),
        ("config.yaml", "user", 7),
        ("app.yaml", "cpus", 1),
        ("app.yaml", "memroy", 2),
        ("app.yaml", "disk", 3),
        ("app.yaml", "ports.1", 6),
        ("app.yaml", "ports.2", 7),
        ("app.yaml", "ports.3", 8),
        ("app.yaml", "ports.4", 9),
        ("app.yaml", "name", 10),
        ("app.yaml", "bundles", 11),
    ]


def test_unreadable_yaml_in_both_files_is_told_at_once(store: ConfigStore) -> None:
    write(store, "", "\tcpus: 1\n")
    write(store, "app", "cpus: *x\n")
    assert problems_of(store, "app") == [("app.yaml", "cpus", 1), ("config.yaml", "", 1)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("memroy: 4GiB", "Write memory."),
        ("colour: red", "The fields are kind, repo, cpus, memory"),
        ("user: no", 'YAML reads no as yes or no, not as text. Put it in quotes: "no".'),
        ("user: ~", "YAML reads ~ as no value."),
        ("repo:", "has no value. Write one, or delete the line."),
        ("params: {node: {version: 1.5}}", "params.node.version: YAML reads 1.5 as a fraction. Put it in quotes"),
        ("user: 1000", 'is a number, not text. Put it in quotes: "1000".'),
    ],
)
def test_an_error_says_what_to_write_instead(store: ConfigStore, content: str, words: str) -> None:
    path = write(store, "app", content)
    with pytest.raises(ConfigError) as caught:
        store.read("app")
    assert str(caught.value).startswith(f"{path}:1: ")
    assert words in str(caught.value)


def test_a_code_dir_must_lie_below_the_home_of_the_user_in_use(store: ConfigStore) -> None:
    write(store, "", "code_dir: /home/dev/x\n")
    write(store, "app", "user: jo\n")
    assert store.read_defaults().values == {"code_dir": "/home/dev/x"}
    assert problems_of(store, "app") == [("config.yaml", "code_dir", 1)]


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _passwd(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_fifo, "not a plain file"),
        (Path.mkdir, "is a folder"),
        (_passwd, "contains no fields"),
        (_device, "not a plain file"),
        (_loop, "is a link"),
    ],
)
def test_c11_odd_things_in_place_of_a_config(store: ConfigStore, make: Callable[[Path], None], words: str) -> None:
    write(store, "good", "cpus: 3\n")
    make(store.paths.vm_config("app"))
    assert store.names() == ("app", "good")
    with pytest.raises(UsageError, match=words) as caught:
        store.read("app")
    assert "root:" not in str(caught.value)
    assert store.read("good").cpus == 3


def test_c11_an_unreadable_config(store: ConfigStore) -> None:
    path = write(store, "app", "cpus: 3\n")
    path.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)  # root reads everything
    try:
        with pytest.raises(UsageError, match="cannot be read: Permission denied"):
            store.read("app")
    finally:
        if is_root:
            os.seteuid(0)


def test_c11_a_config_removed_after_it_was_listed(store: ConfigStore) -> None:
    path = write(store, "app", "")
    (name,) = store.names()
    path.unlink()
    with pytest.raises(NotFound, match="dvm init app"):
        store.read(name)


def test_c11_an_empty_config_means_all_defaults(store: ConfigStore) -> None:
    write(store, "app", "")
    assert store.read("app").cpus == 2


def test_no_folder_means_no_vms(store: ConfigStore) -> None:
    (store.paths.config / "vms").rmdir()
    assert (store.names(), stray_files.problems(store.paths)) == ((), ())
    (store.paths.config / "vms").write_text("")
    with pytest.raises(UsageError, match="Not a directory"):
        store.names()


def test_odd_file_names_are_told_and_stop_nothing(store: ConfigStore) -> None:
    for name in (
        "web.yaml",
        "app.yaml",
        "App.yaml",
        "b.yml",
        "-f.yaml",
        "a\nb.yaml",
        ".hidden.yaml",
        "app.sh",
        "notes",
    ):
        (store.paths.config / "vms" / name).write_text("")
    assert store.names() == ("app", "web")
    problems = {Path(problem.file).name: str(problem) for problem in stray_files.problems(store.paths)}
    assert set(problems) == {"App.yaml", "b.yml", "-f.yaml", r"a\x0ab.yaml"}
    assert "Rename it to b.yaml." in problems["b.yml"]
    assert all(text.isprintable() for text in problems.values())


@pytest.mark.parametrize("name", ["../x", "a/b", "-f", "A", "a\n", "", "x" * 31])
def test_c01_no_file_is_opened_for_a_bad_name(store: ConfigStore, name: str) -> None:
    for call in (store.read, store.source, store.delete, lambda bad: store.create(bad, {})):
        with pytest.raises(UsageError, match="is not a VM name"):
            call(name)


def test_create_writes_the_values_and_shows_the_rest(store: ConfigStore) -> None:
    write(store, "", "memory: 8GiB\n")
    (store.paths.config / "vms").rmdir()
    path = store.create("app", {"repo": "https://h/a", "recipes": ["git", "node"], "image": None})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    lines = path.read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        "repo: https://h/a",
        "recipes:",
        "  - git",
        "  - node",
    ]
    assert "# memory: 8GiB" in lines
    assert "# code_dir: ~/code/app" in lines
    assert max(map(len, lines)) <= 110
    vm = store.read("app")
    assert (vm.repo, vm.recipes, vm.memory) == ("https://h/a", ("git", "node"), 8 * GIB)


def test_the_commented_lines_are_a_valid_config_as_they_stand(store: ConfigStore) -> None:
    path = store.create("app", {"repo": "https://h/a"})
    text = "\n".join(line.removeprefix("# ") for line in path.read_text().splitlines() if not line[2:3].isupper())
    uncommented = "\n".join(line for line in text.splitlines() if line.partition(":")[0].isidentifier())
    write(store, "app", uncommented)
    assert len(uncommented.splitlines()) == 14
    assert store.read("app").cpus == 2


def test_create_refuses_what_is_there(store: ConfigStore, tmp_path: Path) -> None:
    write(store, "app", "cpus: 3\n")
    store.paths.vm_config("link").symlink_to(tmp_path / "nowhere")
    for name in ("app", "link"):
        with pytest.raises(UsageError, match="already exists"):
            store.create(name, {})
    assert store.read("app").cpus == 3
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("values", [{"cpus": 0}, {"colour": "red"}, {"name": "x"}, {"repo": "-x"}, {"user": True}])
def test_create_refuses_values_that_cannot_be_used(store: ConfigStore, values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        store.create("app", values)
    assert store.names() == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(CONFIGS, CONFIGS)
def test_any_valid_config_survives_write_and_edit(
    store: ConfigStore, values: dict[str, object], changes: dict[str, object]
) -> None:
    store.create("app", values)
    try:
        assert store.read("app") == VmConfig.from_values({**values, "name": "app"})
        _, digest = store.source("app")
        assert edit(store, changes, digest) == store.source("app")[1]
        assert store.read("app") == VmConfig.from_values({**values, **changes, "name": "app"})
    finally:
        store.delete("app")


def test_edit_keeps_comments_and_order(store: ConfigStore) -> None:
    path = write(store, "app", "# mine\ncpus: 2  # two\n\n# after\nuser: dev\n")
    path.chmod(0o640)
    _, digest = store.source("app")
    edit(store, {"cpus": 4, "recipes": ["node"]}, digest)
    assert path.read_text() == "# mine\ncpus: 4  # two\n\n# after\nuser: dev\nrecipes:\n  - node\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_edit_may_mend_a_field_that_is_wrong(store: ConfigStore) -> None:
    write(store, "app", "cpus: 0\n")
    edit(store, {"cpus": 1}, store.source("app")[1])
    assert store.read("app").cpus == 1


@pytest.mark.parametrize("changes", [{"cpus": 0}, {"colour": "red"}, {"user": "root"}, {"name": "web"}])
def test_edit_refuses_values_that_cannot_be_used(store: ConfigStore, changes: dict[str, object]) -> None:
    path = write(store, "app", "cpus: 2\n")
    with pytest.raises(ConfigError):
        edit(store, changes, store.source("app")[1])
    assert path.read_text() == "cpus: 2\n"


@pytest.mark.parametrize("by_hand", ["cpus: 3\n", "cpus: 2\nuser: jo\n"])
def test_r12_a_file_changed_meanwhile_is_not_overwritten(store: ConfigStore, by_hand: str) -> None:
    path = write(store, "app", "cpus: 2\n")
    _, digest = store.source("app")
    path.write_text(by_hand)
    with pytest.raises(files.ChangedOnDisk):
        edit(store, {"cpus": 4}, digest)
    assert path.read_text() == by_hand
    path.unlink()
    with pytest.raises(files.ChangedOnDisk):
        store.replace("app", b"cpus: 4\n", digest)
    assert not path.exists()


def test_r12_the_same_text_is_not_saved_over_another(store: ConfigStore) -> None:
    path = write(store, "app", "cpus: 2\n")
    path.write_text("cpus: 3\n")
    with pytest.raises(files.ChangedOnDisk):
        store.replace("app", b"cpus: 2\n", files.digest(b"cpus: 2\n"))
    assert path.read_text() == "cpus: 3\n"


def test_a_whole_text_is_written_byte_by_byte(store: ConfigStore) -> None:
    data = b"\n# mine\ncpus:   4 # four\n\n..."
    digest = store.replace("app", data, "")
    assert store.source("app") == (data, digest)
    before = store.paths.vm_config("app").stat().st_mtime_ns
    assert store.replace("app", data, digest) == digest
    assert store.paths.vm_config("app").stat().st_mtime_ns == before
    with pytest.raises(files.ChangedOnDisk):
        store.replace("app", b"cpus: 5\n", "")
    with pytest.raises(UsageError):
        store.replace("../app", data, "")


@pytest.mark.parametrize("data", [b"cpus: 0\n", b"colour: red\n", b"cpus: [\n", b"- x\n", b"a: &b [*b]\n", b"\xff"])
def test_c10_c12_a_text_that_cannot_be_used_is_not_written(store: ConfigStore, data: bytes) -> None:
    for digest in ("", files.digest(b"")):
        with pytest.raises(ConfigError):
            store.replace("app", data, digest)
    assert store.names() == ()


@pytest.mark.parametrize("call", ["fsync", "replace", "fchmod"])
def test_r09_r11_a_failed_write_leaves_the_old_file(
    store: ConfigStore, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = write(store, "app", "cpus: 2\n")
    _, digest = store.source("app")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(DvmError, match="could not be written: No space left on device"):
        edit(store, {"cpus": 4}, digest)
    assert path.read_text() == "cpus: 2\n"
    assert list(path.parent.iterdir()) == [path]


def test_r10_a_link_into_a_dotfiles_repository_is_kept(store: ConfigStore, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.yaml"
    target.write_text("cpus: 2\n")
    link = store.paths.vm_config("app")
    link.symlink_to(target)
    edit(store, {"cpus": 4}, store.source("app")[1])
    assert link.is_symlink()
    assert target.read_text() == "cpus: 4\n"
    store.delete("app")
    assert target.exists()
    assert not link.is_symlink()


def test_delete(store: ConfigStore) -> None:
    path = write(store, "app", "")
    store.delete("app")
    assert not path.exists()
    with pytest.raises(NotFound):
        store.delete("app")
    store.paths.vm_config("dir").mkdir()
    with pytest.raises(DvmError, match="could not be deleted"):
        store.delete("dir")


def test_a_bash_dvm_config_is_named(store: ConfigStore) -> None:
    assert bash_config_hint(store.paths) == ""
    write(store, "app", "")
    assert bash_config_hint(store.paths) == ""
    (store.paths.config / "config.sh").write_text("DVM_CPUS=4\n")
    for name in ("a", "b", "c\x1b"):
        (store.paths.config / "vms" / f"{name}.sh").write_text("use node\n")
    hint = bash_config_hint(store.paths)
    assert "config.sh, vms/a.sh, vms/b.sh and 1 more" in hint
    assert "`dvm import --dry-run`" in hint
    assert hint.isprintable()
