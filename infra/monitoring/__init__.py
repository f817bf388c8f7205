"""What an operator watches: alert rules, their tests, and the dashboard. Nothing here runs in a pod."""
