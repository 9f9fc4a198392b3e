"""The recorded answers that the demo engine is not held to, each with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Records that are not compared, with the reason. Besides, limactl refuses to run as root; the demo does not.
NOT_SENT = "dvm never sends this command, the demo does not have it"
NETWORK = "it needs a network of Lima's own (usernet), which the demo does not have"
OTHER = "it shows files or a program of Lima's guest that the demo does not have"
INSTANT = "it was taken at one instant inside another command, which in the demo is too short to hit"
_NOT_SENT = """network-list network-list-json disk-list disk-list-json show-ssh snapshot-list watch-json-history
    network-create network-list-2 network-delete-no-force network-delete"""
_NETWORK = """race-start-0.05 race-delete-0.05 race-start-0.25 race-delete-0.25 race-start-0.6 race-delete-0.6
    edit-network start-parallel-clone start-isolated stop-isolated edit-network-back list-usernet-killed
    shell-usernet-killed ssh-check-usernet-killed stop-usernet-killed stop-usernet-killed-2
    restart-edit-pty shell-reboot"""
_OTHER = """file-ha.stdout.log-after-start dir-listing-running file-networks.yaml file-leases.json dir-listing-clone
    dir-listing-after-factory-reset guest-provision-failure file-ha.stdout.log-after-killed-start"""
_BY_NAME = {
    **dict.fromkeys(_NOT_SENT.split(), NOT_SENT),
    **dict.fromkeys(_NETWORK.split(), NETWORK),
    **dict.fromkeys(_OTHER.split(), OTHER),
    "fill-with-override": "`template copy` is not sent; the merge itself is compared in test_pure.py",
    "start-unknown-name": "it fails for want of internet; the demo downloads nothing",
    "list-after-start-unknown": "it shows what the failed download left",
    "stop-while-booting": "a guest that is booting ignores the power button for three minutes; the demo's does not",
    "copy-rsync-in-dir": "the demo has scp's rules for names only; dvm always names that backend",
    "shell-env": "a demo guest has no login session; its environment is compared in test_guests.py",
}


def excluded(records: Iterable[str]) -> dict[str, str]:
    """Map each record that is not compared to the reason."""
    inside = {record: INSTANT for record in records if re.search(r"-list-\d\d$", record)}
    return {**_BY_NAME, **inside}
