"""What "Save" and "Save and sync" would do: changed lines of the file, and the steps of a sync. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dvmweb.errors import DvmError
from dvmweb.guest_text import visible
from dvmweb.lima.command_display import shown
from dvmweb.lima.instances import Instance
from dvmweb.plans import Step
from dvmweb.verbs.drafts import Draft
from dvmweb.web.form.messages import Link
from dvmweb.web.form.views import FormView
from dvmweb.web.ui.diff import Line, diff

LONGEST = 300  # characters of one shown line
FEWEST_ROWS, MOST_ROWS = 9, 24  # of the YAML without scrolling
MOST_HIDDEN = 20  # lines


@dataclass(frozen=True)
class StepLine:
    """A step of the plan; `note` is why it would be skipped."""

    title: str
    note: str

    @property
    def icon(self) -> str:
        return "skip" if self.note else "dots"


@dataclass(frozen=True)
class PreviewView:
    """The right side of the form."""

    url: str  # of the next preview
    secrets: str  # which inputs htmx sends with it: none that contains a secret
    lines: tuple[Line, ...]
    about_lines: str
    errors: tuple[Link, ...]
    is_torn: bool  # both sides were changed, to different values
    is_unreadable: bool  # the YAML cannot be parsed
    added: tuple[str, ...]  # recipes that were added automatically, and why
    steps: tuple[StepLine, ...]
    commands: tuple[str, ...]
    about_steps: str


@dataclass(frozen=True)
class YamlView:
    """The YAML that can be edited."""

    file: str
    text: str
    drawn: str  # the mark of the form as it is rendered
    rows: int
    hidden: tuple[str, ...]  # lines with invisible characters, made visible


def yaml_view(draft: Draft, drawn: str) -> YamlView:
    """Return the YAML of `draft` in a form with the mark `drawn`."""
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
    """Return the preview; `plan`: the steps of a sync or why there are none (None: the draft has problems)."""
    steps = plan if isinstance(plan, Sequence) else ()
    added, run = {row.value: row.added for row in form.recipes if row.added}, [one.name for one in draft.recipes]
    lines = tuple(Line(mark, visible(text, LONGEST)) for mark, text in _lines(draft))
    return PreviewView(
        url=url,
        secrets=f"not {','.join(form.secrets)}" if form.secrets else "*",
        lines=lines,
        about_lines=_about_lines(draft, is_empty=not lines),
        errors=form.errors,
        is_torn=is_torn,
        is_unreadable=bool(draft.source.problems),
        added=tuple(f"{visible(name, 60)}. {added[name]}" for name in run if name in added),  # as they run
        steps=tuple(StepLine(visible(step.title, 120), visible(step.skip_reason)) for step in steps),
        commands=tuple(shown(step.argv) for step in steps if step.argv and not step.skip_reason),
        about_steps=_why_no_steps(plan) or start,
    )


def about_steps(instance: Instance | None) -> str:
    """Return the state from which the steps start, as a sentence."""
    if instance is None:
        return "A new VM is created."
    return (
        f"Based on the last known state: {visible(instance.status, 40) or 'unknown'}. "
        "Sync checks again first and skips what is unchanged."
    )


def _lines(draft: Draft) -> Iterator[tuple[str, str]]:
    if not draft.is_new:
        yield from diff(draft.source.data.decode("utf-8", "replace"), draft.text)


def _about_lines(draft: Draft, *, is_empty: bool) -> str:
    if draft.is_plain:
        return f"{'All other' if draft.values else 'All'} fields are written as comments with their defaults."
    if draft.is_new:
        return "The YAML is saved as shown."
    return "The file does not change." if is_empty else "Only these lines change."


def _why_no_steps(plan: Sequence[Step] | DvmError | None) -> str:
    if isinstance(plan, DvmError):
        return visible(f"{plan.what} {plan.todo}", 600)
    return "The steps are shown once all values are valid." if plan is None else ""
