"""A failure while the local cluster is set up, as one sentence for the person at the console."""


class CannotStart(Exception):
    """A part of the local cluster did not come up: one sentence, then the last lines that it wrote."""


class WrongSetting(Exception):
    """Settings of the demo are wrong; the text lists every one, one a line."""
