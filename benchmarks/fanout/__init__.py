"""The cost of one delivery: an event in, one frame built, N sockets written; ours beside others, in turns."""
