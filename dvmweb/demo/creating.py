"""`create`, `clone`, `rename`, `edit`, `protect`: create or change the folder of a stopped instance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dvmweb.demo import documents, downloading, edits, effective, store, validation
from dvmweb.demo.documents import Document
from dvmweb.demo.logs import Fatal, Log, Plain
from dvmweb.demo.options import Call

_IMAGE_SERVERS = {
    "fedora": "download.fedoraproject.org",
    "debian": "cloud.debian.org",
    "ubuntu": "cloud-images.ubuntu.com",
}
_NO_EDITOR = "Terminal is not available, proceeding without opening an editor"
REJECTED = "the YAML is invalid, saved the buffer as `lima.REJECTED.yaml`: "


def create(call: Call, home: Path, log: Log) -> int:
    """`limactl create [FILE|-]`."""
    text, document, name = _template(call, log)
    document = edits.apply(call, document)
    make(home, name, text, document, log)
    log.info(f"Run `limactl start {name}` to start the instance.")
    return 0


def _template(call: Call, log: Log) -> tuple[str, Document, str]:
    source = call.words[0] if call.words else "template:default"
    name = call.value("name")
    if source == "-":
        if not name:
            raise Fatal("must pass instance name with --name when reading template from stdin")
        text = sys.stdin.read()
        return text, validation.parse(text, "stdin", lambda error: log.warning("Non-strict YAML", error=error)), name
    if source.startswith("template:"):
        document: Document = {"base": [source], "mounts": [{"location": "~"}]}
        return "", document, name or source.rpartition("/")[2].removeprefix("template:")
    if "/" in source or source.endswith((".yaml", ".yml")):
        if name:
            store.check_name(name)
        text, document = validation.read_template(source, log)
        return text, document, name or Path(source).stem.lower()
    log.info(f"Creating an instance `{source}` from template:default (Not from template:{source})")
    log.warning(f"This form is deprecated. Use `limactl create --name={source} template:default` instead")
    return "", {"base": ["template:default"], "mounts": [{"location": "~"}]}, source


def make(home: Path, name: str, text: str, document: Document, log: Log) -> None:
    """Create the folder of an instance and fetch its image; a failed fetch leaves the folder, as with Lima."""
    folder = home / store.check_name(name)
    if (folder / "lima.yaml").exists():
        raise Fatal(f"instance `{name}` already exists")
    log.info(_NO_EDITOR)
    found = [*validation.problems(document), *filter(None, [validation.template_problem(document)])]
    if found:
        raise Fatal("\n".join(found))
    if folder.exists():
        raise Fatal(f"instance `{name}` already exists (`{folder}`)")
    folder.mkdir(mode=0o700, parents=True)
    _keys(home)
    document = _embedded(document)
    (folder / "lima.yaml").write_text(documents.write(document, like=text))
    (folder / "lima-version").write_text(f"v{store.VERSION}")
    (folder / "lima-version").chmod(0o444)
    (folder / "cloud-config.yaml").write_text("#cloud-config\n")
    (folder / "cloud-config.yaml").chmod(0o444)
    _fetch(folder, document, log)


def _keys(home: Path) -> None:
    # Lima has these files; the demo does not use them.
    config = home / "_config"
    config.mkdir(exist_ok=True)
    for name, mode in (("user", 0o600), ("user.pub", 0o644)):
        if not (config / name).exists():
            (config / name).write_text("demo: no key\n")
            (config / name).chmod(mode)


def _embedded(document: Document) -> Document:
    """The document with `base:` replaced by its images, which are only names in the demo."""
    if not document.get("base"):
        return document
    images = [
        {"location": _image_address(locator.rpartition("/")[2]), "arch": effective.host_arch()}
        for locator in validation.bases(document)
        if "mounts" not in locator
    ]
    kept = {key: value for key, value in document.items() if key != "base"}
    return {**kept, "images": [*(document.get("images") or []), *images]}


def _image_address(name: str) -> str:
    # The servers of Lima's templates, so that checks of the effective config pass. Nothing is downloaded.
    return f"https://{_IMAGE_SERVERS.get(name.partition('-')[0], 'demo.invalid')}/{name}.qcow2"


def _fetch(folder: Path, document: Document, log: Log) -> None:
    image = (document.get("images") or [{}])[0]
    location = str(image.get("location", ""))
    log.info(
        "Attempting to download the image",
        arch=str(image.get("arch") or effective.host_arch()),
        digest=str(image.get("digest") or ""),
        location=location,
    )
    if not location.startswith(("http://", "https://")):
        source = Path(location.removeprefix("file://")).expanduser()
        if not source.exists():
            reason = f"open {source}: no such file or directory"
            raise Fatal(f"failed to download `{location}`: failed to open source {source}: {reason}")
    downloading.download(folder.parent, location, log)
    size = effective.human_size(effective.bytes_of(document.get("disk") or "100GiB"))
    log.info(f"Resize instance {folder.name}'s disk from 3GiB to {size}")
    (folder / "disk").write_text("The files of this demo guest are in the folder guest/.\n")


def edit(call: Call, home: Path, log: Log) -> int:
    """`limactl edit NAME` with edit flags."""
    name = _names(call, 1)[0]
    instance = _stopped(home, name, "edit")
    if not edits.has_edits(call):
        log.info("Aborting, as requested by saving the file with empty content")
        return 0
    if not rewrite(call, instance.folder):
        log.info("Aborting, no changes made to the instance")
        return 0
    log.info(f"Instance `{name}` configuration edited")
    return 0


def rewrite(call: Call, folder: Path) -> bool:
    """Apply the edit flags to the lima.yaml in `folder`; return whether they changed it."""
    path = folder / "lima.yaml"
    text = path.read_text()
    document = documents.read(text)
    changed = edits.apply(call, document)
    if changed == document:
        return False
    fresh = documents.write(changed, like=text)
    validation.parse(fresh, f"main file `{path}`", lambda _: None)
    found = validation.problems(changed)
    shrinking = "" if found else edits.shrink_problem(document, changed)
    if found or shrinking:
        Path("lima.REJECTED.yaml").write_text(fresh)
        raise Fatal(REJECTED + "\n".join([*found, *filter(None, [shrinking])]))
    new = path.with_suffix(".yaml.tmp")
    new.write_text(fresh)
    new.replace(path)
    return True


def clone(call: Call, home: Path) -> int:
    """`limactl clone OLD NEW`: copy everything except the files of a running or protected instance."""
    old, new = _names(call, 2)
    source = _stopped(home, old, "clone").folder
    target = _free(home, new)
    # cp keeps owners (root can clone a guest of the user nobody) and shares blocks if the file system supports it.
    flags = ("-a",) if sys.platform == "darwin" else ("-a", "--reflink=auto")
    done = subprocess.run(("cp", *flags, "--", str(source), str(target)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fatal(f"failed to copy {source} to {target}: {done.stderr.strip()}")
    (target / "protected").unlink(missing_ok=True)
    _settle(call, target)
    return 0


def rename(call: Call, home: Path) -> int:
    """`limactl rename OLD NEW`; removes the protection, as Lima does."""
    old, new = _names(call, 2)
    source = _stopped(home, old, "rename").folder
    target = _free(home, new)
    source.rename(target)
    (target / "protected").unlink(missing_ok=True)
    _settle(call, target)
    return 0


def _settle(call: Call, target: Path) -> None:
    for path in store.sockets_and_pids(target):
        path.unlink(missing_ok=True)
    (target / "agent.json").unlink(missing_ok=True)
    for name in ("lima-version", "cloud-config.yaml"):
        if (target / name).exists():
            (target / name).chmod(0o644)
    if edits.has_edits(call):
        rewrite(call, target)


def _names(call: Call, count: int) -> tuple[str, ...]:
    if len(call.words) != count:
        raise Fatal(f"`limactl {call.command}` requires exactly {count} arg(s), received {len(call.words)}")
    return call.words


def _stopped(home: Path, name: str, verb: str) -> store.Instance:
    if not (home / store.check_name(name)).is_dir():
        raise Fatal(f"instance `{name}` not found")
    instance = store.inspect(home, name)
    if instance.status == "Running":
        raise Fatal(f"cannot {verb} a running instance")
    return instance


def _free(home: Path, name: str) -> Path:
    folder = home / store.check_name(name)
    if folder.exists():
        raise Fatal(f"instance `{name}` already exists")
    return folder


def protect(call: Call, home: Path, log: Log, *, on: bool) -> int:
    """`limactl protect|unprotect NAME...`."""
    if not call.words:
        raise Fatal(f"`limactl {call.command}` requires at least 1 arg(s), only received 0")
    for name in call.words:
        try:
            instance = store.inspect(home, name)
        except Fatal as error:
            raise Fatal(f"failed to inspect instance `{name}`: {error.message}") from error
        if instance.is_protected == on:
            state = "is already protected" if on else "isn't protected"
            log.warning(f"Instance `{name}` {state}. Skipping.")
            continue
        marker = instance.folder / "protected"
        marker.touch() if on else marker.unlink()
        log.info(f"{'Protected' if on else 'Unprotected'} `{name}`")
    return 0


def check_writable(home: Path) -> None:
    """Raise Plain if LIMA_HOME cannot be created."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Plain(f"{home}: {os.strerror(error.errno or 0)}", 1) from error
