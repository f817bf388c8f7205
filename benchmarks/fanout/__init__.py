"""What one delivery costs: an event in, one frame built, N sockets written; ours beside others, in turns."""
