"""What the two buttons below a form would do: the lines that the file would get, and the steps of a sync. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dvmweb.drafts import Draft
from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.lima.entering import shown
from dvmweb.lima.instances import Instance
from dvmweb.plans import Step
from dvmweb.web.form_messages import Link
from dvmweb.web.form_views import FormView

CONTEXT = 1  # unchanged lines shown around a changed one
LONGEST = 300  # characters of one shown line
FEWEST_ROWS, MOST_ROWS = 9, 24  # of the YAML without scrolling
MOST_HIDDEN = 20  # lines


@dataclass(frozen=True)
class Line:
    """A line of a file; `mark` is + or - for one that comes or goes, else a blank."""

    mark: str
    text: str

    @property
    def shown(self) -> str:
        return f"{self.mark} {self.text}" if self.mark else self.text

    @property
    def tone(self) -> str:
        return {"+": "add", "-": "del"}.get(self.mark, "same")


@dataclass(frozen=True)
class StepLine:
    """A step of the plan; `note` says why it would not run."""

    title: str
    note: str

    @property
    def icon(self) -> str:
        return "skip" if self.note else "dots"


@dataclass(frozen=True)
class PreviewView:
    """The right side of the form."""

    url: str  # where the form asks for a fresh one
    secrets: str  # what htmx must leave out of that question
    lines: tuple[Line, ...]
    about_lines: str
    errors: tuple[Link, ...]
    is_torn: bool  # both sides were changed, to different things
    is_unreadable: bool  # the YAML as a whole
    added: tuple[str, ...]  # recipes that come along although nobody chose them, and why
    steps: tuple[StepLine, ...]
    commands: tuple[str, ...]
    about_steps: str


@dataclass(frozen=True)
class YamlView:
    """The YAML, to be typed into."""

    file: str
    text: str
    drawn: str  # the mark of the form as it is drawn
    rows: int
    hidden: tuple[str, ...]  # lines with characters that nobody can see, made visible


def yaml_view(draft: Draft, drawn: str) -> YamlView:
    """The YAML of `draft` in a form with the mark `drawn`."""
    lines = draft.text.splitlines()
    odd = ((number, line) for number, line in enumerate(lines, 1) if visible(line, len(line)) != line)
    hidden = tuple(f"Line {number}: {visible(line, LONGEST)}" for number, line in odd)
    file = f"vms/{visible(draft.source.name, 40) or '…'}.yaml"
    return YamlView(file, draft.text, drawn, min(max(len(lines) + 2, FEWEST_ROWS), MOST_ROWS), hidden[:MOST_HIDDEN])


def preview_view(
    draft: Draft,
    form: FormView,
    url: str,
    plan: Sequence[Step] | DvmError | None,
    start: str,
    *,
    is_torn: bool = False,
) -> PreviewView:
    """`plan` are the steps of a sync, or why there are none (None: the draft has problems); `start` is where from."""
    steps = plan if isinstance(plan, Sequence) else ()
    lines = tuple(Line(mark, visible(text, LONGEST)) for mark, text in _lines(draft))
    return PreviewView(
        url=url,
        secrets=f"not {','.join(form.secrets)}" if form.secrets else "*",
        lines=lines,
        about_lines=_about_lines(draft, is_empty=not lines),
        errors=form.errors,
        is_torn=is_torn,
        is_unreadable=bool(draft.source.problems),
        added=tuple(f"{row.name}. {row.added}" for row in form.recipes if row.added),
        steps=tuple(StepLine(visible(step.title, 120), visible(step.skip_reason)) for step in steps),
        commands=tuple(shown(step.argv) for step in steps if step.argv and not step.skip_reason),
        about_steps=_why_no_steps(plan) or start,
    )


def about_steps(instance: Instance | None) -> str:
    """From which state the steps start."""
    if instance is None:
        return "The VM is made new. Nothing has run yet."
    return (
        f"As the VM was last listed: {visible(instance.status, 40) or 'unknown'}. "
        "The sync looks again first, and leaves out what is unchanged."
    )


def diff(old: str, new: str, context: int = CONTEXT) -> Iterator[tuple[str, str]]:
    """The lines that differ, with some around them; a mark and a text each."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=context, lineterm="")
    for line in list(lines)[2:]:  # without the two that name the files
        yield ("", "…") if line.startswith("@@") else (line[0].strip(), line[1:])


def _lines(draft: Draft) -> Iterator[tuple[str, str]]:
    if not draft.is_new:
        yield from diff(draft.source.data.decode("utf-8", "replace"), draft.text)


def _about_lines(draft: Draft, *, is_empty: bool) -> str:
    if draft.is_plain:
        all_inherited = "Everything is inherited. " if not draft.values else ""
        return f"{all_inherited}Every other field goes into the file as a comment with its default."
    if draft.is_new:
        return "The YAML is saved as it stands."
    return "Nothing changes in the file." if is_empty else "Only these lines change."


def _why_no_steps(plan: Sequence[Step] | DvmError | None) -> str:
    if isinstance(plan, DvmError):
        return visible(f"{plan.what} {plan.todo}", 600)
    return "The steps are shown once every value can be used." if plan is None else ""
