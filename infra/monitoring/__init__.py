"""The operator's view: alert rules, their tests, and the dashboard. Nothing here runs in a pod."""
