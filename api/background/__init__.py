"""What an API pod does besides answering: each job is a coroutine that runs for ever, owned by the pod."""
