"""The parts that every pod process needs around its work: settings, logs, metrics, health, the server itself."""
