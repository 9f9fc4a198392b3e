"""The modules that a process has from which dvm, its jobs and its demo engine are forked."""

from __future__ import annotations

# What a command may import later anyway; a module that is missing here costs time, nothing else.
MODULES = (
    "_strptime",
    "dvmweb.cli.main",
    "dvmweb.cli.follow",
    "dvmweb.cli.json_output",
    "dvmweb.cli.vms.removing",
    "dvmweb.config.legacy",
    "dvmweb.jobs.starting",
    "dvmweb.jobs.inputs",
    "dvmweb.lima.client",
    "dvmweb.lima.direct_ssh",
    "dvmweb.lima.lima_yaml.differences",
    "dvmweb.recipes.header_yaml",
    "dvmweb.terminals.client",
    "dvmweb.terminals.keeper.daemon",
    "dvmweb.terminals.keeper.pty_child",
    "dvmweb.verbs.deletion_preview",
    "dvmweb.verbs.listing",
    "dvmweb.verbs.vms",
    "dvmweb.jobs.running",
    "dvmweb.jobs.recipe_trials",
    "dvmweb.demo.limactl",
    "dvmweb.demo.copying",
    "dvmweb.demo.creating",
    "dvmweb.demo.edits",
    "dvmweb.demo.lifecycle",
    "dvmweb.demo.validation",
    "dvmweb.demo.guest.ssh",
    "dvmweb.demo.guest.hostagent",
)
