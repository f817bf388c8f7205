"""One event to many sockets: cohorts, slices, and the loop that writes. Knows no room."""
