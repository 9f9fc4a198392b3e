"""Programs of ours that another program of ours starts are forked where that saves their imports, and not executed.

`install` is for the process that commands are forked from. A program so started is a process of its own, with its own
descriptors, session, folder and variables; what differs is that it finds its modules in memory.
"""

from __future__ import annotations

import atexit
import gc
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

FORKED = ("dvmweb.jobs", "dvmweb.demo", "tests.terminals.bare_keeper")
HARMLESS = ("until running", "copy")  # they wait, or run one command as the main thread does; no program shares a lock
HIGHEST = 4096  # descriptors above it are closed by nobody; no test opens so many


class _Popen(subprocess.Popen[Any]):
    """Popen that forks for `python FLAG -m MODULE ...`, one of FORKED, where no thread could hold a lock."""

    def _execute_child(self, *given: Any) -> None:
        asked = named(given)
        if not is_ours(asked) or has_threads():
            super()._execute_child(*given)  # type: ignore[misc]
            return
        gc.freeze()  # nothing of ours is collected there, with a descriptor that is another one's by then
        self.pid = os.fork()
        if self.pid == 0:
            become(asked)
        self._child_created = True
        close_ends(self, asked)


def has_threads() -> bool:
    """Is there a thread beside the main one that could hold a lock which the fork would never get?

    One of a pool counts also if it is the one that asks: a program forked from it found no VM.
    """
    main = threading.main_thread()
    return any(one is not main and one.name not in HARMLESS for one in threading.enumerate())


def named(given: Sequence[Any]) -> dict[str, Any]:
    """What `Popen._execute_child` is given, by name."""
    names = (
        "args executable preexec_fn close_fds pass_fds cwd env startupinfo creationflags shell p2cread p2cwrite "
        "c2pread c2pwrite errread errwrite restore_signals gid gids uid umask start_new_session process_group"
    )
    return dict(zip(names.split(), given, strict=True))


def is_ours(asked: dict[str, Any]) -> bool:
    """Is it `python FLAG -m MODULE ...`, one of FORKED?"""
    args = asked["args"]
    is_list = isinstance(args, Sequence) and not isinstance(args, str | bytes) and not asked["preexec_fn"]
    return is_list and args[0] == sys.executable and tuple(args[2:3]) == ("-m",) and args[3] in FORKED


def close_ends(popen: subprocess.Popen[Any], asked: dict[str, Any]) -> None:
    """Close the child's ends of the pipes, as Popen does."""
    ends = (asked[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite"))
    popen._close_pipe_fds(*ends)  # type: ignore[attr-defined]


def become(asked: dict[str, Any]) -> NoReturn:
    """Take the descriptors, the folder and the variables of the program, and run it to its end."""
    try:
        wanted = [asked[name] if asked[name] != -1 else number for number, name in STREAMS]
        kept = [os.dup(one) if one < 3 else one for one in wanted]  # none is overwritten before it was read
        for number, one in enumerate(kept):
            os.dup2(one, number)
        last = 2
        for one in (*sorted(asked["pass_fds"]), HIGHEST):
            os.closerange(last + 1, one)
            last = one
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if asked["start_new_session"]:
            os.setsid()
        if asked["cwd"] is not None:
            os.chdir(asked["cwd"])
        if asked["env"] is not None:
            os.environ.clear()
            os.environ.update(asked["env"])
        sys.orig_argv = list(asked["args"])
        sys.argv = [asked["args"][3], *asked["args"][4:]]
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    run(asked["args"][3])


def run(module: str) -> NoReturn:
    """Run a program to its end, as `python -m MODULE` does; sys.argv is its own already.

    What Python does last is left out: it takes every module apart, and so copies all memory that a fork shares.
    """
    code = 1
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 120
        os._exit(code)


STREAMS = ((0, "p2cread"), (1, "c2pwrite"), (2, "errwrite"))


def install() -> None:
    """From now on this process and its forks fork those programs."""
    subprocess.Popen = _Popen  # type: ignore[misc]
