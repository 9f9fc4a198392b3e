"""`dvm import`: the configs of bash DVM become YAML, and nothing of them is run."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dvmweb.config.store import SCHEMA_LINE
from dvmweb.files import ChangedOnDisk
from dvmweb.paths import SCHEMA_NAME
from dvmweb.verbs import importing
from tests.journey.driver import User

SHARED = """\
DVM_CPUS=1
DVM_MEMORY=1GiB
DVM_DISK=10GiB

use_shell_tools() {
\tuse zsh
\tuse fzf
}
"""
APP = """\
DVM_PORTS="3900:3000"
DVM_HELLO_PORT=81

use_shell_tools
use hello
"""
HELLO = '#!/usr/bin/env bash\n# Says hello\necho "hello on $DVM_HELLO_PORT as $DVM_NAME"\n'


@pytest.fixture
def old(user: User, tmp_path: Path) -> Path:
    """The folder of an old config, beside that of dvm."""
    folder = tmp_path / "old"
    for name, text in {"config.sh": SHARED, "vms/app.sh": APP, "recipes/hello.sh": HELLO}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_old_config_becomes_a_vm_with_its_recipes(user: User, old: Path) -> None:
    before = files(old)
    done = user.dvm(f"import {old}").succeeds()
    done.prints("config.sh", "cpus: 1", "bundle shell-tools", "recipe hello", "params.hello.hello_port", "ports:")
    done.prints(f"Wrote {user.vm('app').config}", f"Wrote {user.paths.config_file}", "Next: dvm sync app --dry-run")
    assert files(old) == before
    for path in (user.vm("app").config, user.paths.config_file, user.paths.local_recipes / "hello.sh"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (user.paths.local_recipes / "hello.sh").read_text() == HELLO
    assert user.vm("app").config.read_text().startswith(f"{SCHEMA_LINE}\n")
    assert (user.paths.config / SCHEMA_NAME).is_file()
    user.dvm("sync app --dry-run").succeeds().prints("Recipe zsh", "Recipe fzf", "Recipe hello")
    assert user.vm("app").row["recipes"] == ["zsh", "fzf", "hello"]


def test_an_imported_recipe_runs_as_in_bash_dvm(user: User, old: Path) -> None:
    (old / "vms/app.sh").write_text("DVM_HELLO_PORT=81\nDVM_NO_BASELINE=1\nuse hello\n")
    user.dvm(f"import {old}").succeeds()
    user.dvm("sync app").succeeds()
    user.dvm(f"log {user.last_job.id}").succeeds().prints("hello on 81 as app")


def test_a_dry_run_writes_nothing(user: User, old: Path) -> None:
    shown = user.dvm(f"import {old} --dry-run").succeeds()
    shown.prints(f"Would write {user.vm('app').config}", "    recipes:", "      - shell-tools")
    assert not user.vm("app").config.exists()
    assert not user.paths.config_file.exists()
    assert not user.paths.local_recipes.exists()


def test_its_report_as_json(user: User, old: Path) -> None:
    (old / "vms/My VM.sh").write_text("use node\n")
    said = user.dvm(f"import {old} --json").fails()
    rows = json.loads(said.out)
    assert {row["level"] for row in rows} == {"imported", "not imported"}
    assert rows[-1]["what"].startswith("vms/My VM.sh")
    assert (rows[-1]["file"], rows[-1]["line"]) == (None, None)
    assert user.vm("app").config.exists()


def test_a_second_import_changes_nothing(user: User, old: Path) -> None:
    user.dvm(f"import {old}").succeeds()
    before = files(user.paths.config)
    again = user.dvm(f"import {old}").succeeds()
    again.prints(f"Exists already, with the same content: {user.vm('app').config}").never_says("Wrote")
    assert files(user.paths.config) == before


def test_an_existing_config_is_never_replaced(user: User, old: Path) -> None:
    (old / "vms/other.sh").write_text("use fzf\n")
    user.vm("app").has_config("cpus: 3\n")
    refused = user.dvm(f"import {old}").exits("usage error")
    refused.warns(f"{user.vm('app').config} already exists with another content. Nothing was written.", "--only NAME")
    assert user.vm("app").config.read_text() == "cpus: 3\n"
    assert sorted(files(user.paths.config)) == ["vms/app.yaml"]
    user.dvm(f"import {old} --only other").succeeds().prints("vms/other.yaml").never_says("vms/app")
    assert user.vm("app").config.read_text() == "cpus: 3\n"


def test_a_link_in_place_of_a_config_is_not_followed(user: User, old: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    user.vm("app").config.parent.mkdir(parents=True)
    user.vm("app").config.symlink_to(target)
    user.dvm(f"import {old}").exits("usage error").warns("already exists")
    assert not target.exists()


def test_lines_that_are_not_understood_are_listed_and_the_rest_is_written(user: User, old: Path) -> None:
    with (old / "vms/app.sh").open("a") as file:
        file.write('if [ "$(uname)" = Darwin ]; then\n\tDVM_CPUS=8\nfi\nexport GH_TOKEN=s3cr3t\nuse gone\n')
    (old / "recipes/Odd_Name.sh").write_text("true\n")
    (old / "vms/My VM.sh").write_text("use node\n")
    done = user.dvm(f"import {old}").fails()
    done.warns("3 places are not imported:", "vms/app.sh:6: not understood: if is not evaluated; ")
    done.warns("it can change DVM_CPUS. Write cpus yourself")
    done.warns("vms/app.sh:9: GH_TOKEN seems to be a secret", "vms/app.sh:10: there is no recipe gone")
    done.warns("recipes/Odd_Name.sh is not copied", "vms/My VM.sh: 'My VM' is not a VM name.")
    done.prints("(lines 6 to 8)", f"Wrote {user.vm('app').config}").never_says("s3cr3t")
    text = user.vm("app").config.read_text()
    assert "# vms/app.sh:6: if [" in text
    assert "s3cr3t" not in text
    user.dvm("sync app --dry-run").succeeds()


def test_a_folder_without_an_old_config(user: User, old: Path, tmp_path: Path) -> None:
    user.dvm("import").exits("not found").warns("There is no config of bash DVM", "dvm import FOLDER")
    user.dvm(f"import {tmp_path / 'nowhere'}").exits("not found").warns("There is no config of bash DVM")
    user.dvm(f"import {old} --only web").exits("not found").warns("There is no vms/web.sh.", "There are: app.")
    assert not user.paths.config_file.exists()


def test_an_old_config_beside_the_new_ones(user: User, old: Path) -> None:
    """bash DVM used the same folder: nothing is copied, and the old files stay."""
    shutil.copytree(old, user.paths.config)
    user.dvm("ls").succeeds().prints("contains the config of bash DVM", "`dvm import --dry-run`")
    user.dvm("import").succeeds().prints("Recipes that stay where they are: hello").never_says("recipes/hello.sh")
    assert (user.paths.config / "config.sh").read_text() == SHARED
    user.dvm("sync app --dry-run").succeeds().prints("Recipe hello")


def test_an_instance_of_bash_dvm_is_named(user: User, old: Path) -> None:
    user.vm("app").instance.mkdir(parents=True)
    user.dvm(f"import {old} --dry-run").succeeds().warns("The Lima instance dvm-app exists.", "limactl delete dvm-app")


def test_files_that_cannot_be_read(user: User, old: Path) -> None:
    (old / "vms/big.sh").write_bytes(b"#" * 300_000)
    (old / "vms/latin.sh").write_bytes(b"# caf\xe9\nDVM_CPUS=1\nDVM_THEME=caf\xe9\n")
    (old / "vms/windows.sh").write_bytes(b"DVM_CPUS=2\r\nuse fzf\r\n")
    done = user.dvm(f"import {old}").fails()
    done.warns("vms/big.sh:", "is larger than", "vms/latin.sh:3")
    assert "cpus: 2" in user.vm("windows").config.read_text()
    assert "cpus: 1" in user.vm("latin").config.read_text()
    assert not user.vm("big").config.exists()


def test_a_broken_config_yaml_is_named_first(user: User, old: Path) -> None:
    user.paths.config.mkdir(parents=True, exist_ok=True)
    user.paths.config_file.write_text("cpus: many\n")
    user.dvm(f"import {old}").exits("usage error").warns("config.yaml:1: cpus:")
    assert not user.vm("app").config.exists()


# -- nothing is run ----------------------------------------------------------------------------------------------------

TRAPS = r"""
touch TRAP/1
DVM_CPUS=$(touch TRAP/2; echo 4)
DVM_MEMORY=`touch TRAP/3`
eval "touch TRAP/4"
: "${DVM_DISK:=$(touch TRAP/5)}"
: ${X[$(touch TRAP/6)]}
use "$(touch TRAP/7)"
use node; touch TRAP/8
source <(touch TRAP/9)
cat <<EOF >TRAP/10
$(touch TRAP/11)
EOF
DVM_PORTS=($(touch TRAP/12) <(touch TRAP/13))
use_all() { touch TRAP/14; use git; }
use_all
trap 'touch TRAP/15' EXIT
A[$(touch TRAP/16)]=1
DVM_USER=$((A[$(touch TRAP/17)]))
{ touch TRAP/18; } &
>TRAP/19
coproc touch TRAP/20
. TRAP/more.sh
PROMPT_COMMAND='touch TRAP/21'
"""

HOOK = """
import sys
from pathlib import Path
seen, active = [], False
ENVIRON = {"HOME": sys.argv[1], "DVM_ENGINE": "lima", "LIMA_HOME": "/nowhere"}
def hook(event, arguments):
    if active and event.startswith(("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
                                    "pty.", "exec", "compile")):
        seen.append(event)
sys.addaudithook(hook)
from dvmweb import paths
from dvmweb.config.store import SCHEMA_LINE
from dvmweb.files import ChangedOnDisk
from dvmweb.paths import SCHEMA_NAME
from dvmweb.verbs import importing
found = importing.read(paths.from_environment(ENVIRON), Path(sys.argv[2]))
active = True  # all modules are imported now
found = importing.read(paths.from_environment(ENVIRON), Path(sys.argv[2]))
importing.write(found)
count = len(seen)
import subprocess
subprocess.run(["true"])
print(count, len(seen) > count, len(found.conversion.left))
"""


@pytest.fixture
def traps(tmp_path: Path) -> Iterator[Path]:
    """A folder that stays empty but for a file that a config sources."""
    folder = tmp_path / "trap"
    folder.mkdir()
    (folder / "more.sh").write_text(f"touch {folder}/22\n")
    yield folder
    assert [path.name for path in folder.iterdir()] == ["more.sh"]


def test_nothing_of_a_config_is_run(user: User, old: Path, traps: Path, tmp_path: Path) -> None:
    text = TRAPS.replace("TRAP", str(traps))
    (old / "config.sh").write_text(text)
    (old / "vms/app.sh").write_text(text)
    (old / "recipes/hello.sh").write_text(f"touch {traps}/23\n")
    home = tmp_path / "home of the hook"
    home.mkdir()
    argv = (sys.executable, "-c", HOOK, str(home), str(old))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    processes, works, left = done.stdout.split()
    assert (processes, works) == ("0", "True")
    assert int(left) > 30
    user.dvm(f"import {old}").fails().warns("places are not imported:")


def test_a_file_that_appears_meanwhile_stays(user: User, old: Path) -> None:
    found = importing.read(user.paths, old)
    user.vm("app").has_config("cpus: 3\n")
    with pytest.raises(ChangedOnDisk):
        importing.write(replace(found, new=tuple(one for one in found.new if one.path.name == "app.yaml")))
    assert user.vm("app").config.read_text() == "cpus: 3\n"
    assert [path.name for path in user.vm("app").config.parent.iterdir()] == ["app.yaml"]


def test_on_the_demo_engine_the_old_config_of_the_user_is_found(user: User, old: Path) -> None:
    """The demo's own folder lies inside the one that bash DVM used."""
    shutil.copytree(old, user.paths.config.parent, dirs_exist_ok=True)
    user.dvm("ls").succeeds().prints(f"{user.paths.config.parent} contains the config of bash DVM")
    user.dvm("import").succeeds().prints(f"Wrote {user.vm('app').config}", "hello.sh")
    assert user.vm("app").config.parent == user.paths.config / "vms"
