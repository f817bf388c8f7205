"""A gateway pod of several worker processes: the parent that holds the port, and its children."""
