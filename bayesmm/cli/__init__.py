"""The command line: ``bayesmm demo``, ``bayesmm fit FORMULA FILE``."""

from bayesmm.cli.app import main

__all__ = ["main"]
