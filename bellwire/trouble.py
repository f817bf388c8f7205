"""The error of the commands that speak to a cluster, in words for a person.

Apart from the client that raises it, so that a pod, whose command has to know it, loads no client.
"""


class Trouble(Exception):
    """Something went wrong at the other end or on the way; the text is a whole sentence."""
