"""The image: how it is built here, and the list of what is in it."""
