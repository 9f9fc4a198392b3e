"""What on this computer keeps dvm from working well, each with the fix."""

from dvmweb.verbs.doctor.findings import Finding, State
from dvmweb.verbs.doctor.run import examine, repair

__all__ = ["Finding", "State", "examine", "repair"]
