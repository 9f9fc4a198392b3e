"""What on this computer keeps dvm from working well, each with the fix."""

from dvmweb.verbs.doctor.findings import Finding, State
from dvmweb.verbs.doctor.run import REPAIRS, examine, examine_host, examine_vms, repair, repair_each

__all__ = ["REPAIRS", "Finding", "State", "examine", "examine_host", "examine_vms", "repair", "repair_each"]
