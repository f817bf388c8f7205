"""Old events for sessions behind the head: pages read, cached, sent; gaps filled."""
