"""The way in and out of a route: who may, what was said, how it is answered."""
