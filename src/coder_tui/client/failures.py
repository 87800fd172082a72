"""What goes wrong between us and a deployment, as one sentence each."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

import httpx

from coder_tui.client.credentials import Credentials
from coder_tui.errors import ApiError, CoderTuiError, CredentialsError, UnreachableError
from coder_tui.text import one_line
from coder_tui.wire.problems import Problem

_TRUST = "set CODER_CLIENT_TLS_CA_FILE (or ca_file in our configuration) to your CA's file"
_ALERTS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "UNKNOWN_CA", "HANDSHAKE_FAILURE")
_PROVE = "set CODER_CLIENT_TLS_CERT_FILE and CODER_CLIENT_TLS_KEY_FILE (or cert_file and key_file)"


def refusal(
    credentials: Credentials, what: str, status: int, content: bytes, headers: Mapping[str, str]
) -> CoderTuiError:
    """The error that an unsuccessful answer means. The body may be our JSON, a web page, or anything."""
    try:
        problem = Problem.read(content)
    except CoderTuiError:
        problem = Problem()
    details = "; ".join(f"{item.field}: {item.detail}" for item in problem.validations)
    why = one_line(". ".join(part.rstrip(".") for part in (problem.message, problem.detail, details) if part))[:500]
    if status == 401:
        verb = "coder login" if "coder CLI" in credentials.source else "coder-tui login"
        return CredentialsError(
            f"{credentials.name} does not accept the session token",
            why=why,
            fix=f"log in again: `{verb} {credentials.url}` (the token came from {credentials.source})",
        )
    why = why or httpx.codes.get_reason_phrase(status)
    fix = ""
    if 300 <= status < 400:
        target = one_line(str(headers.get("location", "")))[:200]
        why, fix = f"it redirects to {target}", "use the URL that the deployment itself uses"
    return ApiError(what, status=status, why=f"{status} {why}".strip(), fix=fix)


def unreachable(credentials: Credentials, error: Exception) -> UnreachableError:
    """A connection error in one sentence."""
    why, fix = reason(error)
    return UnreachableError(f"cannot reach {credentials.url}", why=why, fix=fix)


def check_served(credentials: Credentials) -> None:
    """Raise UnreachableError when nobody we trust listens: a port that a hub gave up may be anybody's."""
    if not credentials.served():
        raise UnreachableError(
            f"cannot reach {credentials.url}", why="the hub there has ended", fix="start it: `coder-tui hub start`"
        )


def reason(error: Exception) -> tuple[str, str]:
    """Why there is no connection, and what to do: the innermost cause in our words."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    fix = "check the URL, the network and the VPN"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        why = "no answer in time"
    elif isinstance(cause, ssl.SSLCertVerificationError):
        why, fix = f"its certificate is not trusted ({cause.verify_message})", _TRUST
    elif isinstance(cause, ssl.SSLError) and (cause.reason or "").endswith(_ALERTS):
        why, fix = f"it ended the TLS handshake ({cause.reason}): it may want a client certificate", _PROVE
    elif isinstance(cause, ConnectionRefusedError):
        why = "connection refused"
    elif isinstance(cause, OSError) and (cause.strerror or "").startswith("Connect call failed"):
        why = os.strerror(cause.errno or 0).lower()  # asyncio's own words are about the call, not the cause
    else:
        why = getattr(cause, "strerror", None) or str(cause) or type(error).__name__
    return one_line(why)[:200], fix


def bad_proxy(credentials: Credentials, error: Exception) -> UnreachableError:
    """The environment's proxy cannot be used. The library's own words are left out: they may hold its password."""
    return UnreachableError(
        f"cannot reach {credentials.url}",
        why="the proxy in the environment is of a kind we cannot use"
        if isinstance(error, ImportError)
        else "the proxy in the environment is not a proxy's URL",
        fix="set HTTPS_PROXY or ALL_PROXY to an http:// proxy, or name the host in NO_PROXY",
    )
