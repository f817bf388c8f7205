"""The others, each as its own documentation would have it; what they have in common is a line of stdin an event."""
