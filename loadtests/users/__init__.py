"""The people of a load test, as locust's users."""
