"""The VMs that a form or an address selects, and the queue of this dashboard for verbs on several VMs."""

from __future__ import annotations

from typing import cast

from flask import current_app, request

from dvmweb.errors import UsageError
from dvmweb.verbs.several.queue import Queue
from dvmweb.web.ui import context
from dvmweb.web.ui.find_vm import checked

MOST = 200  # VMs in one request


def queue() -> Queue:
    """Return the queue; the first call makes it."""
    found = current_app.extensions.setdefault("dvm_several", Queue(context.vms()))
    return cast("Queue", found)


def selected_names() -> tuple[str, ...]:
    """Return the selected VMs, each once, in the order of the page. Raises UsageError for none, NotFound."""
    names = tuple(dict.fromkeys(request.values.getlist("vm")))
    if not names or len(names) > MOST:
        what = "No VM is selected." if not names else f"More than {MOST} VMs are selected."
        raise UsageError(what, "Select VMs on the page of VMs with their checkboxes, then choose what to do.")
    return tuple(checked(name) for name in names)
