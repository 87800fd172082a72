"""Calling a person: what is worth a call, when, and by which channel. Pure but for `programs`."""
