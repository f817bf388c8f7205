"""`bellwire plan`: how large an installation has to be for a load, from measured costs."""
