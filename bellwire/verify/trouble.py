"""The checker's own error. Apart from the client that raises it, so that a pod loads no client."""


class Unreachable(Exception):
    """The cluster did not decide within the time that was given; the text is its last answer."""
