"""The signals of a shop: one request path as spans, log lines and metrics, seeded, bounded, and counted exactly.

`plan` says what to send, `path` which services a request passes, `send.run` sends it and returns what it sent.
"""
