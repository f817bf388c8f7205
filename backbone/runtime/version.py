"""The version of what runs here, from the one place that has it: the project file, by way of the installed package."""

from importlib.metadata import version

from backbone.contract.release import parse_release

VERSION = version("bellwire")
RELEASE = parse_release(VERSION)
