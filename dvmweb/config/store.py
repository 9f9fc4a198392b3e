"""Lists, reads, writes and deletes the config files. `validate` interprets them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dvmweb import files, names
from dvmweb.config import stray_files, yaml_editor, yaml_reader
from dvmweb.config.model import OWN_FIELDS, Defaults, FormField, VmConfig, form_fields
from dvmweb.config.validate import Reading, defaults_of, judge
from dvmweb.config.yaml_reader import Document
from dvmweb.errors import ConfigError, DvmError, NotFound, Problem, UsageError
from dvmweb.paths import SCHEMA_NAME, Paths

SCHEMA_LINE = f"# yaml-language-server: $schema=../{SCHEMA_NAME}"  # editors check and complete by that file


@dataclass(frozen=True)
class ConfigStore:
    """The configs of all VMs. Nothing is cached: each call reads the files."""

    paths: Paths

    def names(self) -> tuple[str, ...]:
        """The names of the VMs with a config file, sorted. `stray_files.problems` reports other files in the folder."""
        return tuple(sorted(path.stem for path in stray_files.entries(self.paths) if stray_files.is_config(path)))

    def read_defaults(self) -> Defaults:
        """The content of config.yaml, empty if there is none. Raises ConfigError with all its problems."""
        defaults, problems = defaults_of(self.defaults_file())
        if problems:
            raise ConfigError(problems)
        return defaults

    def read(self, name: str) -> VmConfig:
        """The config with defaults filled in and bundles expanded.

        Raises NotFound if there is none, and ConfigError with all problems of it and of config.yaml.
        """
        return _whole(self.reading(name))

    def reading(self, name: str) -> Reading:
        """The valid part of the config, all problems of it and of config.yaml, and the place of each value.

        Raises NotFound if there is none, and ConfigError if one of the files cannot be parsed.
        """
        data, _ = self.source(name)
        return self._judged(name, data)

    def source(self, name: str) -> tuple[bytes, str]:
        """The bytes of a config file and their digest. Raises NotFound, and UsageError if it is not a plain file."""
        path = self.paths.vm_config(names.vm_name(name))
        try:
            data = files.read_bounded(path, files.CONFIG_BYTES, follow=True)
        except FileNotFoundError as error:
            raise stray_files.no_config(self.paths, name) from error
        return data, files.digest(data)

    def create(self, name: str, values: Mapping[str, object]) -> Path:
        """Write a new config with `values`, and all other fields as comments with their defaults; return its path.

        Raises ConfigError for invalid values, and UsageError if the config exists.
        """
        path = self.paths.vm_config(names.vm_name(name))
        if path.exists() or path.is_symlink():
            raise UsageError(f"{path} already exists.", f"Edit it, or run: dvm sync {name}")
        if error := stray_files.why_not_new(self.paths, name):
            raise error
        fields = tuple(field for field in form_fields(self.read_defaults(), name) if field.name != "name")
        if unknown := sorted(set(values) - {field.name for field in fields}):
            todo = f"The fields are {', '.join(field.name for field in fields)}."
            raise ConfigError([Problem(field, "is not a field of a config", todo) for field in unknown])
        given = {field: value for field, value in values.items() if value is not None}
        data = _new_file(name, given, fields).encode()
        try:
            self._check(name, data, given)
        except ConfigError as error:  # the new file has no lines yet
            new = (replace(found, file="", line=0) if found.file == str(path) else found for found in error.problems)
            raise ConfigError(tuple(new)) from error
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, data, "")
        return path

    def replace(self, name: str, data: bytes, expected_digest: str) -> str:
        """Replace a config file by these bytes; return their digest.

        Raises ChangedOnDisk if the digest of the file is not `expected_digest` ("": there is no file), and ConfigError
        for an invalid text; then nothing is written.
        """
        path = self.paths.vm_config(names.vm_name(name))
        _whole(self._judged(name, data))
        if files.digest(data) != expected_digest:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, data, expected_digest)
        elif self.source(name)[1] != expected_digest:
            raise files.ChangedOnDisk(f"{path} has changed since it was read.", "Read it again; nothing was written.")
        return files.digest(data)

    def text_for(self, name: str, new: str, data: bytes, ports: tuple[str, ...] | None = None) -> bytes:
        """The config `data` of VM `name` as that of VM `new`, whose guest is the same or a copy.

        The code folder stays where it is: by default it has the name of the VM, and a check for unsaved work of another
        folder would find nothing. `ports`: other host ports. Raises ConfigError for a config with errors.
        """
        old = _whole(self._judged(name, data))
        document = yaml_reader.scan(data, str(self.paths.vm_config(name)))
        changes: dict[str, object] = {} if ports is None else {"ports": list(ports)}
        if self._judged(new, data).config.code_dir != old.code_dir:
            changes["code_dir"] = old.code_dir
        text = yaml_editor.edited(data.decode(), document, changes).encode() if changes else data
        if _whole(self._judged(new, text)).code_dir != old.code_dir:
            raise UsageError(f"The config of {name} could not be changed safely for {new}.", "Edit a copy yourself.")
        return text

    def delete(self, name: str) -> None:
        """Delete a config; of a link only the link itself. Raises NotFound if there is none."""
        path = self.paths.vm_config(names.vm_name(name))
        try:
            path.unlink()
            files.sync_folder(path.parent)
        except FileNotFoundError as error:
            raise NotFound(f"There is no config of a VM {name}.", "It may have been deleted.") from error
        except OSError as error:
            raise DvmError(f"{path} could not be deleted: {error.strerror}.", "Delete it yourself.") from error

    def defaults_file(self) -> Document:
        """config.yaml, empty if there is none. Raises UsageError and ConfigError if it cannot be read."""
        path = self.paths.config_file
        try:
            return yaml_reader.scan(files.read_bounded(path, files.CONFIG_BYTES, follow=True), str(path))
        except FileNotFoundError:
            return yaml_reader.empty(str(path))

    def _judged(self, name: str, data: bytes) -> Reading:
        # Parse both files before checking one, so that the problems of both are reported together.
        found: list[Problem] = []
        document = defaults = yaml_reader.empty("")
        try:
            document = yaml_reader.scan(data, str(self.paths.vm_config(name)))
        except ConfigError as error:
            found += error.problems
        try:
            defaults = self.defaults_file()
        except ConfigError as error:
            found += error.problems
        if found:
            raise ConfigError(found)
        return judge(name, document, defaults)

    def _check(self, name: str, data: bytes, desired: Mapping[str, object]) -> None:
        _whole(self._judged(name, data))
        written = yaml_reader.read(data, str(self.paths.vm_config(name))).data
        if _canonical(written) != _canonical(desired):
            raise UsageError(f"The config of {name} could not be changed safely.", "Edit the file yourself.")


def _whole(reading: Reading) -> VmConfig:
    if reading.problems:
        raise ConfigError(reading.problems)
    return reading.config


def _canonical(values: Mapping[str, object]) -> str:
    return json.dumps(values, sort_keys=True)


def _write(path: Path, data: bytes, expected: str) -> None:
    try:
        files.write_whole(path, data, expected=expected, follow=True)
    except OSError as error:
        raise DvmError(f"{path} could not be written: {error.strerror}.", "Nothing was changed.") from error


def _new_file(name: str, values: Mapping[str, object], fields: tuple[FormField, ...]) -> str:
    title = f"The VM {name}. A line that begins with # shows the default, or an example if there is none."
    parts = [f"{SCHEMA_LINE}\n# {title}\n"]
    for field in fields:
        about = textwrap.fill(field.help, 100, initial_indent="# ", subsequent_indent="# ")
        if field.name in values:
            lines = yaml_editor.field_lines(field.name, values[field.name])
        else:
            shown = field.example if field.name in OWN_FIELDS else field.default
            lines = [f"# {line}" for line in yaml_editor.field_lines(field.name, shown)]
        parts.append("\n".join((about, *lines, "")))
    return "\n".join(parts)
