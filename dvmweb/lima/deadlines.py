"""How long each verb of the engine and each question to a guest may take; the latter follows the guest's pace. Pure.

The pace is measured in each boot: how long it took until the answer to a question began, against a guest that has
room. A time-out is never more than "not known"; it makes the next question wait longer.
"""

# Seconds. Past its deadline a command is ended with its group.
# A stop while the guest boots takes three minutes, and Lima itself may wait six; a create may download an image.
VERSION, SSH_EXIT, LIST, EDIT, DELETE, STOP, START = 5.0, 2.0, 10.0, 30.0, 120.0, 420.0, 900.0
CREATE = 3600.0
UPLOAD = 6 * 3600.0  # one that stands still is given up long before

# The floor of each deadline of a guest: what one with room never needs.
PROBE, LOOK, SANDBOX = 15.0, 75.0, 75.0
PROBE_RUN, FIRST_PROBE_RUN, CALL = 10, 60, 5  # in the guest: a recipe's probe, its first one, one program
WORK_CALL, WORK_ALL = 20, 50  # in the guest: one Git of the work check, and all of it
LONGEST = 600.0  # the cap of all of them

PROMPT = 0.25  # seconds until an answer begins, with hardware that helps
SLOWEST = 20.0  # times


def pace(began_after: float, before: float = 1.0) -> float:
    """How many times slower than usual a guest is, 1 at least; `before` is what was known of this boot.

    It rises at once and falls slowly: one quick answer says little about the next one.
    """
    return _bounded(max(began_after / PROMPT, before * 0.8))


def slower(before: float) -> float:
    """The pace to reckon with after a question that had no answer in time."""
    return _bounded(before * 2)


def scaled(seconds: float, at_pace: float, most: float = LONGEST) -> float:
    """A deadline for a guest of that pace: never below its floor, never above the cap."""
    return max(seconds, min(seconds * _bounded(at_pace), most))


def whole(seconds: float, at_pace: float) -> str:
    """The same for a script, in whole seconds; the cap leaves its caller time to hear of it."""
    return f"{scaled(seconds, at_pace, LONGEST * 0.8):.0f}"


def _bounded(times: float) -> float:
    return min(max(times, 1.0), SLOWEST)
