"""Webhooks: events sent to URLs, of an account or of one job, signed, tried again, and logged.  docs/api/webhooks.md"""
