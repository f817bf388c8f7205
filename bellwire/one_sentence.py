"""How every command fails: with one sentence. A traceback means a bug."""

import os
import sys

import click

from backbone.contract.errors import BellwireError
from backbone.runtime.settings import InvalidSettings
from bellwire.trouble import Trouble
from bellwire.verify.trouble import Unreachable


class OneSentence(click.Group):
    """A group whose commands fail with a sentence, and whose options say which variable they can be given as."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add it."""
        for option in cmd.params:
            if isinstance(option, click.Option):
                option.show_envvar = True
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; translate what may happen into click's own way of failing."""
        try:
            return super().invoke(ctx)
        except InvalidSettings as exc:
            lines = str(exc).splitlines()
            raise click.ClickException("\n  ".join([f"{len(lines)} settings are wrong:", *lines])) from exc
        except (BellwireError, Trouble, Unreachable) as exc:
            raise click.ClickException(str(exc)) from exc
        except BrokenPipeError:
            # The reader of our output is gone (`| head`); there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None
        except OSError as exc:
            where = f"{exc.filename}: " if exc.filename else ""
            raise click.ClickException(where + (exc.strerror or type(exc).__name__)) from exc
