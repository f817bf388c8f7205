"""The jobs of an API pod besides answering. Each is a coroutine that runs for ever, owned by the pod."""
