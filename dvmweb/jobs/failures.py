"""What a failed step means: the sentence, the last lines and the way out."""

from __future__ import annotations

from dvmweb.errors import CouldNotLook, DvmError
from dvmweb.guest_text import visible
from dvmweb.lima.entering import shown
from dvmweb.lima.failures import LimaError, last_lines
from dvmweb.lima.process import Finished
from dvmweb.plans import Step


def failed_step(step: Step, finished: Finished, heard: bytes) -> DvmError:
    """The error of a command that failed; `heard` is the end of all that it printed, in order."""
    if step.script is None:
        return LimaError(finished)
    last = "\n".join(f"  {line}" for line in last_lines(heard or finished.stderr or finished.stdout))
    if step.check == "answer":
        todo = "It may still boot: try again. Its console is serial.log in the instance's folder."
        return CouldNotLook(f"The VM says Running but does not answer.\n{last}".rstrip(), todo, shown(step.argv))
    if finished.ended == "deadline":
        how = f"did not end within {step.timeout:.0f} s and was ended"
    else:
        how = f"ended with exit code {finished.code}"
    return DvmError(f"{step.title}: the script in the guest {how}.\n{last}".rstrip(), "", shown(step.argv))


def last_words(finished: Finished) -> str:
    """The last line that a command printed, for the step's own line."""
    lines = last_lines(finished.stderr, 1) or last_lines(finished.stdout, 1)
    return visible(lines[-1], 120) if lines else ""
