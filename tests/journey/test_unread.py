"""Files beside the configs that are not read, names that have no config, and the end of a job in its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journey.driver import User

VERBS = ("sync", "start", "stop", "work", "rm", "sh", "ssh-key", "gpg-key", "hook", "log")


@pytest.fixture
def configs(user: User) -> Path:
    """The folder of configs."""
    folder = user.paths.config / "vms"
    folder.mkdir(parents=True)
    return folder


def test_b32_every_verb_names_the_file_that_is_not_read(user: User, configs: Path) -> None:
    (configs / "web.yml").write_text("cpus: 1\n")
    for verb in VERBS:
        refused = user.dvm(f"{verb} web").exits("not found").prints_nothing()
        refused.warns(f"{configs / 'web.yml'} is not read", "Rename it to web.yaml.").never_says("dvm init web")


def test_b32_ls_tells_and_init_makes_no_second_file(user: User, configs: Path) -> None:
    (configs / "web.yml").write_text("cpus: 1\n")
    user.dvm("ls").succeeds().warns("web.yml: is not read. Rename it to web.yaml.")
    refused = user.dvm("init web").exits("usage error").prints_nothing()
    refused.warns("web.yml already exists, and it is not read.")
    assert [path.name for path in configs.iterdir()] == ["web.yml"]
    (configs / "web.yml").rename(configs / "web.yaml")
    assert "web" not in user.dvm("ls").succeeds().err


def test_b32_other_files_that_seem_to_be_meant(user: User, configs: Path) -> None:
    names = "web.YAML Web.yaml WEB.yml web.yaml.txt web.yaml~ web.yaml.bak #web.yaml# web ../web.yaml"
    for name in names.split():
        (configs / name).write_text("cpus: 1\n")
        todo = "Move it to " if "/" in name else "Rename it to web.yaml."
        user.dvm("sync web").exits("not found").warns("is not read", todo)
        (configs / name).unlink()


def test_b32_a_file_beside_the_one_that_is_read(user: User, configs: Path) -> None:
    user.dvm("init web").succeeds()
    for name in ("web.yml", "web.yaml~", "web.yaml.bak"):
        (configs / name).write_text("")
    listed = user.dvm("ls").warns("web.yml: is not read. web.yaml is read. Delete this one, or move it elsewhere.")
    assert "~" not in listed.err, "what an editor keeps is told to nobody who has not asked"
    user.dvm("sync web --dry-run").succeeds()


def test_b32_a_folder_a_dead_link_and_a_closed_file(user: User, configs: Path) -> None:
    (configs / "web.yml").mkdir()
    user.dvm("sync web").warns("web.yml is a folder and not read.")
    (configs / "link.yaml").symlink_to("nowhere.yaml")
    user.dvm("sync link").warns("is a link that leads nowhere.")
    (configs / "dir.yaml").mkdir()
    user.dvm("sync dir").exits("usage error").warns("dir.yaml is a folder.")
    user.dvm("ls").warns("dir.yaml is a folder.")


def test_b32_the_files_above_have_one_spelling_too(user: User, configs: Path) -> None:
    (user.paths.config / "config.yml").write_text("cpus: 1\n")
    (user.paths.config / "lima.YAML").write_text("x: 1\n")
    listed = user.dvm("ls").warns("config.yml: is not read. Rename it to config.yaml.")
    listed.warns("lima.YAML: is not read. Rename it to lima.yaml.")


def test_f12_an_instance_of_lima_that_is_not_ours(user: User) -> None:
    for name in ("default", "My.box_1"):
        (user.paths.lima_home / name).mkdir(parents=True)
        for verb in VERBS:
            refused = user.dvm(f"{verb} {name}").exits("not found").prints_nothing().never_says("dvm init")
            refused.warns(f"{name} is a Lima instance that dvm did not create, so dvm does not touch it.")
            refused.warns(f"limactl shell {name}")


def test_f12_an_instance_that_is_named_as_ours_are(user: User) -> None:
    (user.paths.lima_home / "dvm-x").mkdir(parents=True)
    refused = user.dvm("sync dvm-x").exits("not found").never_says("dvm-dvm")
    refused.warns("dvm-x is a Lima instance without a dvm config", "`dvm init x`")
    user.dvm("init dvm-x").exits("usage error")  # that would be dvm-dvm-x
    user.dvm("sync x").warns("but its Lima instance dvm-x exists")
    user.dvm("init x").succeeds()
    user.dvm("sync dvm-x").warns("dvm-x is the Lima instance of the VM x.", "Use the name of the VM: x")


def test_f12_a_name_that_nobody_has(user: User) -> None:
    user.dvm("sync nosuch").exits("not found").never_says("Lima instance")
    for name in ("../x", "_config", ""):
        user.dvm("sync", name).exits("usage error").never_says("Lima instance")


def test_a_config_of_the_real_engine_is_named_in_the_demo(user: User) -> None:
    real = user.paths.config.parent / "vms" / "web.yaml"
    real.parent.mkdir(parents=True)
    real.write_text("")
    user.dvm("sync web").warns(f"There is no VM web in the demo. {real} is read with Lima only.")


def test_f12_the_log_of_a_job_ends_as_the_job_did(user: User) -> None:
    user.dvm("init app").succeeds()
    user.engine_fails("create", "no space left on device")
    failed = user.dvm("sync app").fails()
    job = user.last_job
    failure = job.facts["failure"]
    told = user.dvm(f"log {job.id}").warns("-- sync app: failed", failure["what"].splitlines()[0])
    told.warns(*failure["todo"].splitlines())
    end = told.err.partition("-- sync app: failed")[2].strip()
    assert end == failed.err.partition("\n\n")[2].partition("\nlog: ")[0]
