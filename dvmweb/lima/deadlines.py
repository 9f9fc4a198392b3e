"""The deadlines of engine commands and of questions to a guest; the latter follow the guest's pace. Pure.

The pace is measured in each boot: the time until an answer begins, compared with an idle guest. After a timeout the
answer is "not known", and the next question gets more time.
"""

# Seconds. At its deadline a command is ended with its process group.
# A stop during a boot takes three minutes, and Lima can wait six; a create can download an image.
VERSION, SSH_EXIT, LIST, EDIT, DELETE, STOP, START = 5.0, 2.0, 10.0, 30.0, 120.0, 420.0, 900.0
CREATE = 3600.0
UPLOAD = 6 * 3600.0  # a stalled upload is ended long before

# The least deadline for a guest, which an idle one never needs.
PROBE, WORK_CHECK, SANDBOX = 15.0, 75.0, 75.0
PROBE_RUN, FIRST_PROBE_RUN, CALL = 10, 60, 5  # in the guest: a recipe's probe, its first one, one program
WORK_CALL, WORK_ALL = 20, 50  # in the guest: one Git call of the unsaved-work check, and the whole check
RESCUE_CALL, RESCUE_ALL = 1800, 5 * 3600  # in the guest: one Git call of a rescue, and all of it
LONGEST = 600.0  # the cap of all of them

PROMPT = 0.25  # seconds until an answer begins, with hardware virtualization
SLOWEST = 20.0  # times


def pace(began_after: float, before: float = 1.0) -> float:
    """How many times slower than usual a guest is, at least 1; `before`: the last value of this boot.

    It rises at once and falls slowly, because one quick answer does not mean that the next one is quick.
    """
    return _bounded(max(began_after / PROMPT, before * 0.8))


def slower(before: float) -> float:
    """The pace to assume after a question that was not answered in time."""
    return _bounded(before * 2)


def scaled(seconds: float, at_pace: float, most: float = LONGEST) -> float:
    """A deadline in seconds for a guest of that pace, between `base` and the cap."""
    return max(seconds, min(seconds * _bounded(at_pace), most))


def whole(seconds: float, at_pace: float) -> str:
    """A deadline for a script in the guest, as text in whole seconds; below the cap, so that its answer arrives."""
    return f"{scaled(seconds, at_pace, LONGEST * 0.8):.0f}"


def _bounded(times: float) -> float:
    return min(max(times, 1.0), SLOWEST)
