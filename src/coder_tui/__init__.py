"""The terminal cockpit for people who run AI agents in Coder workspaces and on their own machine."""

__version__ = "0.1.0"
