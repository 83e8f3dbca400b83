"""Real mail servers to hold the engine against: `python -m tests.mailservers`, see docs/real-servers.md."""
