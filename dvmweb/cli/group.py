"""The group of all verbs: our errors become a sentence and an exit code."""

from __future__ import annotations

from typing import Any

import click

from dvmweb.errors import DvmError, ExitCode


class Group(click.Group):
    """Turns our errors into a sentence and an exit code."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except DvmError as error:
            click.echo(str(error), err=True)
            context.exit(int(error.exit_code))
        except BrokenPipeError:
            raise  # click ends quietly when the reader of a pipe has gone
        except OSError as error:
            click.echo(
                f"This computer says: {error}.\nMend that (is the disk full, is a folder closed?), then try again.",
                err=True,
            )
            context.exit(int(ExitCode.FAILED))
