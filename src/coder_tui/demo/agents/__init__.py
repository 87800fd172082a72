"""Small programs that do real work in a terminal and report it like any other app: `python -m ...agents.NAME`.

Each works in its current directory, with the credentials that a workspace gives to every process.
"""
