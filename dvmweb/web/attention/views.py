"""The rows of *Needs attention*: each item with its buttons, its age and its snooze. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dvmweb.ages import age
from dvmweb.records.snoozes import digest
from dvmweb.verbs.attention import Item, Todo
from dvmweb.verbs.attention import item as kinds
from dvmweb.web.ui.formatting import count, duration, steady
from dvmweb.web.ui.values import Action

GROUPS = {"": "All", kinds.AGENTS: "Agents", kinds.PROBLEMS: "Problems", kinds.CHANGES: "Changes"}
SNOOZED = "snoozed"
ICONS = {kinds.AGENTS: "bell", kinds.PROBLEMS: "warn", kinds.CHANGES: "sync"}
TONES = {kinds.AGENTS: "info", kinds.PROBLEMS: "bad", kinds.CHANGES: "idle"}
FIELDS = {kinds.SYNC_RESTART: {"restart": "1"}, kinds.KEEP: {"from": "attention"}}  # what a form sends
HOURS = {"1": "1 hour", "24": "1 day", "168": "1 week"}  # for which an item can be snoozed
# By what can be done: text, icon, path below the prefix, and whether it is a form.
BUTTONS: dict[str, tuple[str, str, str, bool]] = {
    kinds.TERMINAL: ("Open terminal", "term", "/vms/{vm}/terminal?id={target}", False),
    kinds.JOB: ("Show log", "file", "/jobs/{target}", False),
    kinds.AGAIN: ("Run again", "sync", "/jobs/{target}/again", True),
    kinds.CHECK: ("Check again", "eye", "/vms/{vm}/work", True),
    kinds.PORTS: ("Ports", "out", "/vms/{vm}/ports", False),
    kinds.EDIT: ("Edit config", "edit", "/vms/{vm}/edit", False),
    kinds.SYNC: ("Sync", "sync", "/vms/{vm}/sync", True),
    kinds.SYNC_RESTART: ("Sync and restart", "sync", "/vms/{vm}/sync", True),
    kinds.CHECKPOINTS: ("Checkpoints", "copy", "/checkpoints", False),
    kinds.VM_PAGE: ("Details", "file", "/vms/{vm}", False),
    kinds.RECIPE: ("Show recipe", "file", "/recipes/{target}", False),
    kinds.LOG: ("Boot log", "file", "/vms/{vm}/log", False),
    kinds.KEEP: ("Keep running", "clock", "/vms/{vm}/keep-running", True),
    kinds.BOOT: ("Start", "play", "/vms/{vm}/start", True),
    kinds.START: ("Wait for the guest", "sync", "/vms/{vm}/start", True),
}


@dataclass(frozen=True)
class Row:
    """One item in the list."""

    id: str  # of the element, and of the item in a form
    vm: str
    tone: str
    icon: str
    title: str
    detail: str
    age: str
    actions: tuple[Action, ...]
    snoozed: str  # for how long, "" if it is not
    group: str


@dataclass(frozen=True)
class Filter:
    """A filter of the list."""

    name: str
    text: str
    number: int
    is_current: bool


@dataclass(frozen=True)
class AttentionPage:
    """The page and its polled part."""

    title: str
    heading: str
    lead: str
    rows: tuple[Row, ...]
    filters: tuple[Filter, ...]
    show: str
    is_blind: bool  # which terminals wait is not known
    is_waiting: bool


def attention_page(
    items: Sequence[Item], snoozed: Mapping[str, float], vms: int, now: float, show: str = "", *, is_blind: bool = False
) -> AttentionPage:
    """Return the page. `snoozed`: until when, by digest; `vms`: how many there are; `show`: a filter."""
    every = tuple(row(one, snoozed, now) for one in items)
    awake = tuple(one for one in every if not one.snoozed)
    asleep = tuple(one for one in every if one.snoozed)
    show = show if show in (*GROUPS, SNOOZED) else ""
    shown = asleep if show == SNOOZED else tuple(one for one in awake if show in ("", one.group))
    troubled = len({one.vm for one in awake})
    return AttentionPage(
        title=f"{len(awake)} need attention · dvm" if awake else "Needs attention · dvm",
        heading=_heading(len(awake), is_blind=is_blind),
        lead=f"{max(0, vms - troubled)} of {count(vms, 'VM', 'VMs')} need nothing" if vms else "No VMs yet",
        rows=shown,
        filters=_filters(awake, asleep, show),
        show=show,
        is_blind=is_blind,
        is_waiting=bool(awake),
    )


def _heading(number: int, *, is_blind: bool) -> str:
    if not number:
        return "Not everything could be checked" if is_blind else "Nothing needs attention"
    return f"{count(number, 'item needs', 'items need')} attention"


def _filters(awake: Iterable[Row], asleep: Sequence[Row], show: str) -> tuple[Filter, ...]:
    groups = [one.group for one in awake]
    numbers = {name: len(groups) if not name else groups.count(name) for name in GROUPS}
    found = [
        Filter(name, text, numbers[name], name == show)
        for name, text in GROUPS.items()
        if not name or numbers[name] or name == show
    ]
    if asleep or show == SNOOZED:
        found.append(Filter(SNOOZED, "Snoozed", len(asleep), show == SNOOZED))
    return tuple(found)


def row(item: Item, snoozed: Mapping[str, float], now: float) -> Row:
    """Return the row of an item."""
    name = digest(item.key)
    until = snoozed.get(name, 0.0)
    return Row(
        id=name,
        vm=item.vm,
        tone=TONES[item.group],
        icon=ICONS[item.group],
        title=item.title,
        detail=item.detail,
        age=age(item.since, steady(now)) if item.since else "",
        actions=tuple(_action(name, item, todo) for todo in item.todos),
        snoozed=f"snoozed for {duration(60 * ((until - now) // 60 + 1))}" if until > now else "",
        group=item.group,
    )


def _action(name: str, item: Item, todo: Todo) -> Action:
    text, icon, path, is_post = BUTTONS[todo.act]
    where = path.format(vm=item.vm, target=todo.target)
    return Action(f"{todo.act}-{name}", text, icon, where, is_post, fields=FIELDS.get(todo.act))


def needing(items: Iterable[Item], snoozed: Mapping[str, float]) -> list[dict[str, object]]:
    """Return what a page shows in its navigation and notifies of: the items that are not snoozed."""
    return [
        {
            "id": digest(one.key),
            "vm": one.vm,
            "title": f"{one.vm}: {one.title}",
            "detail": one.detail,
            "path": _path(one),
            "is_watched": one.is_watched,
            "group": one.group,
            "is_urgent": one.group != kinds.CHANGES,
        }
        for one in items
        if digest(one.key) not in snoozed
    ]


def _path(item: Item) -> str:
    """Return the page that a notification of the item opens."""
    first = BUTTONS[item.todos[0].act]
    return "/attention" if first[3] else first[2].format(vm=item.vm, target=item.todos[0].target)
