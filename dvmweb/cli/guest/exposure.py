"""`dvm exposure`: what a VM and its agents can reach, tested from inside."""

from __future__ import annotations

import time
from typing import Any

import click

from dvmweb.ages import age
from dvmweb.cli import tables
from dvmweb.cli.group import JSON, examples
from dvmweb.errors import NotFound
from dvmweb.guest.exposure import KINDS, ExposureReport, Finding
from dvmweb.verbs.vms import Vms

WORDS = {"open": "reached", "none": "none", "closed": "closed", "unknown": "not tested"}
FOUND = {"mounts": "mounted", "keys": "found", "tokens": "found", "sudo": "allowed"}


@click.command(epilog=examples("dvm exposure shop", "dvm exposure shop --last --json"))
@click.argument("name")
@click.option("--last", "is_last", is_flag=True, help="Show the last test without running a new one.")
@JSON
@click.pass_obj
def exposure(vms: Vms, name: str, is_last: bool, as_json: bool) -> None:
    """Test what a running VM and its agents can reach.

    Tested live, from inside the VM: folders and ports of this computer, other VMs, the local network, the internet,
    sudo, SSH keys without a passphrase, and tokens (their names only). `closed`: nothing answered in this test.
    """
    from dvmweb.verbs import exposure as tests
    from dvmweb.verbs.configs import must_have_config

    must_have_config(vms.paths, name)
    report = tests.last(vms, name) if is_last else tests.test(vms, name)
    if report is None:
        raise NotFound(f"What {name} can reach was not tested yet.", f"Test it: dvm exposure {name}")
    if as_json:
        tables.as_json([facts(name, report)])
        return
    sides = (("user", name), ("agent", "its agents")) if report.has_agents else (("user", name),)
    for who, title in sides:
        rows = [(KINDS[one.kind], word(one), one.text) for kind in KINDS for one in report.of(who, kind)]
        tables.table((f"what {title} can reach", "result", "details"), rows)
        click.echo()
    click.echo(f"Tested from inside the VM {age(report.at, time.time())}.", err=True)


def word(finding: Finding) -> str:
    """The result as a word; what is searched for is "found", not "reached"."""
    return FOUND.get(finding.kind, WORDS["open"]) if finding.result == "open" else WORDS[finding.result]


def facts(name: str, report: ExposureReport) -> dict[str, Any]:
    """The report for --json."""
    return {
        "version": 1,
        "vm": name,
        "at": report.at,
        "findings": [
            {"who": one.who, "kind": one.kind, "result": one.result, "text": one.text} for one in report.findings
        ],
    }
