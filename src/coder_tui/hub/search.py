"""The search words of the workspace list (`q`), as far as they mean something on one machine.

Contract `02-workspaces`: lower-cased, separated by spaces, double quotes protect; a bare term is `name` or
`owner/name`; unknown keys are errors. Keys about things a hub does not have (dormancy, sharing) match as they would
on a deployment where nobody uses them.
"""

from __future__ import annotations

import fnmatch
import re
import uuid
from collections.abc import Callable
from datetime import datetime

from coder_tui.hub.identity import ORGANIZATION_NAME, TEMPLATE_NAME, Site
from coder_tui.hub.problems import Refused
from coder_tui.hub.template import Parameters
from coder_tui.wire.agents import AgentStatus
from coder_tui.wire.workspaces import BuildStatus, Workspace

Match = Callable[[Workspace, Parameters], bool]
Maker = Callable[[str, Site], Match]

_TERM = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_OUTSIDE_QUOTES = re.compile(r'"[^"]*"?|:')
_STATUSES = {status.value for status in BuildStatus} | {"started", "succeeded"}
_TRUE, _FALSE = {"true", "1", "t"}, {"false", "0", "f"}


def parse_search(query: str, site: Site) -> list[Match]:
    """The conditions of a query, all of which must hold. Raises Refused (400) naming the faulty term."""
    return [_term(term, site) for term in _TERM.findall(query.lower())]


def _term(term: str, site: Site) -> Match:
    colons = [found.start() for found in _OUTSIDE_QUOTES.finditer(term) if found.group() == ":"]
    if not colons:
        return _bare(term.replace('"', ""), site)
    if len(colons) > 1:
        raise _bad(term, "can only contain 1 ':'")
    key, value = term[: colons[0]].replace('"', ""), term[colons[0] + 1 :].replace('"', "")
    if not key or not value:
        raise _bad(term, "cannot start or end with ':'")
    maker = _KEYS.get(key)
    if maker is None:
        raise _bad(term, f"{key!r} is not a valid query param", field=key)
    return maker(value, site)


def _bare(term: str, site: Site) -> Match:
    parts = term.split("/")
    if len(parts) > 2:
        raise _bad(term, "can have at most one '/'")
    name = _name(parts[-1], site)
    if len(parts) == 1:
        return name
    owner = _owner(parts[0], site)
    return lambda workspace, values: owner(workspace, values) and name(workspace, values)


def _owner(value: str, site: Site) -> Match:
    known = value in {"me", site.user.username}
    return lambda workspace, values: known


def _name(value: str, site: Site) -> Match:
    # SQL's ILIKE: % is any text, _ any character
    escaped = re.sub(r"([*?\[])", r"[\1]", value).replace("%", "*").replace("_", "?")
    return lambda workspace, values: fnmatch.fnmatchcase(workspace.name.lower(), f"*{escaped}*")


def _template(value: str, site: Site) -> Match:
    return lambda workspace, values: value == TEMPLATE_NAME


def _id(value: str, site: Site) -> Match:
    try:
        ids = {str(uuid.UUID(part)) for part in value.split(",")}
    except ValueError:
        raise _bad(value, "must be UUIDs separated by commas", field="id") from None
    return lambda workspace, values: workspace.id in ids


def _status(value: str, site: Site) -> Match:
    if value not in _STATUSES:
        raise _bad(value, f"is not one of {', '.join(sorted(_STATUSES))}", field="status")
    if value == "started":
        return lambda w, values: w.latest_build.job.status == "succeeded" and w.latest_build.transition == "start"
    if value == "succeeded":
        return lambda w, values: w.latest_build.job.status == "succeeded"
    return lambda w, values: w.latest_build.status == value


def _has_agent(value: str, site: Site) -> Match:
    wanted = set(value.split(","))
    if not wanted <= {status.value for status in AgentStatus}:
        raise _bad(value, "is not an agent status", field="has-agent")
    return lambda w, values: any(agent.status in wanted for r in w.latest_build.resources for agent in r.agents)


def _when(field: str, holds: Callable[[datetime, datetime], bool]) -> Maker:
    def maker(value: str, site: Site) -> Match:
        try:
            at = datetime.fromisoformat(value.upper())
            if at.tzinfo is None:
                raise ValueError
        except ValueError:
            raise _bad(value, "must be a time in RFC 3339, in double quotes", field=field) from None
        return lambda workspace, values: holds(workspace.last_used_at, at)

    return maker


def _organization(value: str, site: Site) -> Match:
    known = value in {ORGANIZATION_NAME, site.organization_id}
    return lambda workspace, values: known


def _param(value: str, site: Site) -> Match:
    name, equals, wanted = value.partition("=")

    def match(workspace: Workspace, values: Parameters) -> bool:
        text = values.texts().get(name)
        return bool(text) if not equals else text is not None and text.lower() == wanted

    return match


def _flag(field: str, actual: Callable[[Workspace], bool], *, false_filters: bool = True) -> Maker:
    def maker(value: str, site: Site) -> Match:
        if value not in _TRUE | _FALSE:
            raise _bad(value, "must be true or false", field=field)
        wanted = value in _TRUE
        if not wanted and not false_filters:
            return lambda workspace, values: True
        return lambda workspace, values: actual(workspace) == wanted

    return maker


def _nothing(value: str, site: Site) -> Match:
    return lambda workspace, values: False


def _anything(value: str, site: Site) -> Match:
    return lambda workspace, values: True


_KEYS: dict[str, Maker] = {
    "owner": _owner,
    "name": _name,
    "template": _template,
    "id": _id,
    "status": _status,
    "has-agent": _has_agent,
    "dormant": _flag("dormant", lambda w: w.dormant_at is not None, false_filters=False),
    "last_used_after": _when("last_used_after", lambda used, at: used >= at),
    "last_used_before": _when("last_used_before", lambda used, at: used <= at),
    "outdated": _flag("outdated", lambda w: w.outdated),
    "organization": _organization,
    "param": _param,
    "has-ai-task": _flag("has-ai-task", lambda w: bool(w.latest_build.has_ai_task)),
    "has_external_agent": _flag("has_external_agent", lambda w: bool(w.latest_build.has_external_agent)),
    "healthy": _flag("healthy", lambda w: w.health.healthy),
    "shared": _flag("shared", lambda w: bool(w.shared_with)),
    "shared_with_user": _nothing,
    "shared_with_group": _nothing,
    "include_agent_metadata": _anything,
}


def _bad(term: str, why: str, field: str = "q") -> Refused:
    return Refused(400, "Invalid workspace search query.", fields={field: f"Query element {term[:80]!r} {why}"})
