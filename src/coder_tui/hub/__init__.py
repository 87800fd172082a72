"""The embedded server: the Agents API of Coder on one machine, on SQLite, with real PTYs."""
