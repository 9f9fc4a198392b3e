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
    file: str
    lines: tuple[Line, ...]
    about_lines: str
    errors: tuple[Link, ...]
    added: tuple[str, ...]  # recipes that come along although nobody chose them, and why
    steps: tuple[StepLine, ...]
    commands: tuple[str, ...]
    about_steps: str


def preview_view(
    draft: Draft,
    form: FormView,
    url: str,
    plan: Sequence[Step] | DvmError | None,
    start: str,
) -> PreviewView:
    """`plan` are the steps of a sync, or why there are none (None: the draft has problems); `start` is where from."""
    steps = plan if isinstance(plan, Sequence) else ()
    lines = tuple(Line(mark, visible(text, LONGEST)) for mark, text in _lines(draft))
    return PreviewView(
        url=url,
        secrets=f"not {','.join(form.secrets)}" if form.secrets else "*",
        file=f"vms/{visible(draft.source.name, 40) or '…'}.yaml",
        lines=lines,
        about_lines=_about_lines(draft, is_empty=not lines),
        errors=form.errors,
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
    if draft.is_new:
        yield from (("", line) for line in draft.text.splitlines())
    elif draft.text:
        yield from diff(draft.source.data.decode("utf-8", "replace"), draft.text)


def _about_lines(draft: Draft, *, is_empty: bool) -> str:
    if draft.is_new:
        all_inherited = "Everything is inherited. " if is_empty else ""
        return f"{all_inherited}Every other field goes into the file as a comment with its default."
    return "Nothing changes in the file." if is_empty else "Only these lines change; comments stay."


def _why_no_steps(plan: Sequence[Step] | DvmError | None) -> str:
    if isinstance(plan, DvmError):
        return visible(f"{plan.what} {plan.todo}", 600)
    return "The steps are shown once every value can be used." if plan is None else ""
