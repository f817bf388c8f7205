"""The contract as values: offsets, events, keys, frames, errors. Pure; knows no clock and no socket."""
