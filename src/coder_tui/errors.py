"""One exception tree. Every error says what failed, why, and the next step, and owns an exit code.

    CoderTuiError (1)
    ├── UsageError (2)            wrong words on the command line, a bad filter
    ├── ConfigError (3)           a file of ours is wrong: names file and key
    ├── CredentialsError (4)      no token, or the deployment refused it
    ├── UnreachableError (5)      the deployment does not answer
    ├── ApiError (6)              the deployment answered with an error body
    ├── StorageError (7)          a directory or database cannot be used
    ├── HubError (8)              the hub cannot start, or is already running
    ├── NotFoundError (9)         the workspace, agent or app does not exist
    └── ProtocolError (10)        the peer broke the contract

Exit codes are an API: they are listed in the README and never change meaning.
"""

from __future__ import annotations


class CoderTuiError(Exception):
    """Base of all our errors.

    `what` is one clause ("cannot reach https://dev.acme.io"), `why` the cause ("connection refused"),
    `fix` the next step as an imperative ("check the URL or the VPN"). None of them may hold a secret.
    """

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        text = self.what
        if self.why:
            text += f": {self.why}"
        if self.fix:
            text += f". {self.fix[:1].upper()}{self.fix[1:]}"
        return text


class UsageError(CoderTuiError):
    """The caller's words are wrong."""

    exit_code = 2


class ConfigError(CoderTuiError):
    """A configuration or theme file is wrong."""

    exit_code = 3


class CredentialsError(CoderTuiError):
    """No credentials, or credentials that the deployment refuses (HTTP 401)."""

    exit_code = 4


class UnreachableError(CoderTuiError):
    """DNS, TCP, TLS or timeout: the deployment gave no HTTP answer."""

    exit_code = 5


class ApiError(CoderTuiError):
    """The deployment answered with an error status. `status` is the HTTP status code."""

    exit_code = 6

    def __init__(self, what: str, *, status: int, why: str = "", fix: str = "") -> None:
        super().__init__(what, why=why, fix=fix)
        self.status = status


class StorageError(CoderTuiError):
    """A directory, file or database cannot be read or written."""

    exit_code = 7


class HubError(CoderTuiError):
    """The hub cannot start, or another one owns the data directory."""

    exit_code = 8


class NotFoundError(CoderTuiError):
    """The named workspace, agent, app or session does not exist."""

    exit_code = 9


class ProtocolError(CoderTuiError):
    """The peer sent something the contract does not allow."""

    exit_code = 10
