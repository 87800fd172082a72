"""Every wire type against the field tables of the contract: names, omitted or null when empty, round trips."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder_tui.errors import ProtocolError
from coder_tui.wire import (
    agents,
    auth,
    containers,
    identity,
    logs,
    network,
    notifications,
    problems,
    statuses,
    tasks,
    workspaces,
)
from coder_tui.wire.base import ZERO_TIME, WireModel, encode, format_time

TABLES: dict[str, Any] = json.loads((Path(__file__).parent / "field-tables.json").read_text())
SCHEMAS: dict[str, Any] = TABLES["schemas"]

MODELS: dict[str, type[WireModel]] = {
    "agentsdk.AWSInstanceIdentityToken": auth.AwsInstanceIdentity,
    "agentsdk.AzureInstanceIdentityToken": auth.AzureInstanceIdentity,
    "agentsdk.GoogleInstanceIdentityToken": auth.GoogleInstanceIdentity,
    "agentsdk.AuthenticateResponse": auth.SessionToken,
    "agentsdk.ExternalAuthResponse": auth.ExternalAuth,
    "agentsdk.GitSSHKey": auth.AgentGitSSHKey,
    "agentsdk.ReinitializationEvent": auth.ReinitializationEvent,
    "codersdk.GitSSHKey": auth.UserGitSSHKey,
    "codersdk.IssueReconnectingPTYSignedTokenRequest": auth.PtyTokenRequest,
    "codersdk.IssueReconnectingPTYSignedTokenResponse": auth.PtyToken,
    "codersdk.LoginWithPasswordRequest": auth.LoginWithPassword,
    "codersdk.LoginWithPasswordResponse": auth.SessionToken,
    "codersdk.GetInboxNotificationResponse": notifications.InboxEvent,
    "codersdk.InboxNotification": notifications.InboxNotification,
    "codersdk.InboxNotificationAction": notifications.InboxAction,
    "codersdk.ListInboxNotificationsResponse": notifications.Inbox,
    "codersdk.UpdateInboxNotificationReadStatusRequest": notifications.SetRead,
    "codersdk.UpdateInboxNotificationReadStatusResponse": notifications.InboxEvent,
    "codersdk.PauseTaskResponse": tasks.TaskBuild,
    "codersdk.ResumeTaskResponse": tasks.TaskBuild,
    "codersdk.Task": tasks.Task,
    "codersdk.TaskLogEntry": tasks.TaskLogEntry,
    "codersdk.TaskLogsResponse": tasks.TaskLogs,
    "codersdk.TaskSendRequest": tasks.TaskInput,
    "codersdk.UpdateTaskInputRequest": tasks.TaskInput,
    "codersdk.TaskStateEntry": tasks.TaskState,
    "codersdk.TasksListResponse": tasks.TaskList,
    "codersdk.WorkspaceAgentContainer": containers.Container,
    "codersdk.WorkspaceAgentContainerPort": containers.ContainerPort,
    "codersdk.WorkspaceAgentDevcontainer": containers.Devcontainer,
    "codersdk.WorkspaceAgentDevcontainerAgent": containers.DevcontainerAgent,
    "codersdk.WorkspaceAgentListContainersResponse": containers.ContainerList,
    "workspacesdk.AgentConnectionInfo": network.AgentConnectionInfo,
    "workspacesdk.AgentUpdate": network.AgentUpdate,
    "workspacesdk.BuildUpdate": network.BuildUpdate,
    "workspacesdk.ConnectionWatchEvent": network.ConnectionWatchEvent,
    "workspacesdk.WatchError": network.WatchError,
    "codersdk.PostWorkspaceUsageRequest": workspaces.WorkspaceUsage,
    "agentsdk.PatchAppStatus": statuses.PatchAppStatus,
    "agentsdk.Log": logs.AgentLogLine,
    "agentsdk.PatchLogs": logs.PatchLogs,
    "agentsdk.PostLogSourceRequest": logs.PostLogSource,
    "codersdk.BuildInfoResponse": identity.BuildInfo,
    "codersdk.DERPRegion": agents.DerpLatency,
    "codersdk.Healthcheck": agents.Healthcheck,
    "codersdk.MatchedProvisioners": workspaces.MatchedProvisioners,
    "codersdk.ProvisionerJob": workspaces.ProvisionerJob,
    "codersdk.ProvisionerJobInput": workspaces.ProvisionerJobInput,
    "codersdk.ProvisionerJobLog": logs.ProvisionerJobLog,
    "codersdk.ProvisionerJobMetadata": workspaces.ProvisionerJobMetadata,
    "codersdk.Response": problems.Problem,
    "codersdk.SharedWorkspaceActor": workspaces.SharedWorkspaceActor,
    "codersdk.User": identity.User,
    "codersdk.ValidationError": problems.FieldProblem,
    "codersdk.Workspace": workspaces.Workspace,
    "codersdk.WorkspaceAgent": agents.WorkspaceAgent,
    "codersdk.WorkspaceAgentHealth": agents.WorkspaceAgentHealth,
    "codersdk.WorkspaceAgentListeningPort": agents.ListeningPort,
    "codersdk.WorkspaceAgentListeningPortsResponse": agents.ListeningPorts,
    "codersdk.WorkspaceAgentLog": logs.WorkspaceAgentLog,
    "codersdk.WorkspaceAgentLogSource": logs.WorkspaceAgentLogSource,
    "codersdk.WorkspaceAgentMetadata": agents.WorkspaceAgentMetadata,
    "codersdk.WorkspaceAgentMetadataDescription": agents.WorkspaceAgentMetadataDescription,
    "codersdk.WorkspaceAgentMetadataResult": agents.WorkspaceAgentMetadataResult,
    "codersdk.WorkspaceAgentScript": agents.WorkspaceAgentScript,
    "codersdk.WorkspaceApp": agents.WorkspaceApp,
    "codersdk.WorkspaceAppStatus": statuses.WorkspaceAppStatus,
    "codersdk.WorkspaceBuild": workspaces.WorkspaceBuild,
    "codersdk.WorkspaceBuildParameter": workspaces.WorkspaceBuildParameter,
    "codersdk.WorkspaceHealth": workspaces.WorkspaceHealth,
    "codersdk.WorkspaceResource": workspaces.WorkspaceResource,
    "codersdk.WorkspaceResourceMetadata": workspaces.WorkspaceResourceMetadata,
    "codersdk.WorkspacesResponse": workspaces.WorkspacesResponse,
}

DERP_MAP = {
    "HomeParams": {"RegionScore": {"999": 1.5}},
    "Regions": {
        "999": {
            "EmbeddedRelay": True,
            "RegionID": 999,
            "RegionCode": "coder",
            "RegionName": "Coder Embedded Relay",
            "Nodes": [{"Name": "999b", "RegionID": 999, "HostName": "dev.acme.io", "STUNPort": -1, "DERPPort": 8443}],
        }
    },
    "omitDefaultRegions": True,
}

each_model = pytest.mark.parametrize("schema", sorted(MODELS))


def fields_of(schema: str) -> dict[str, dict[str, Any]]:
    """All fields on the newest wire, embedded schemas flattened."""
    found: dict[str, dict[str, Any]] = {}
    for field in SCHEMAS[schema]["fields"]:
        if "embed" in field:
            found |= fields_of(f"codersdk.{field['embed']}")
        elif "still on the wire" in field.get("until", "still on the wire"):
            found.setdefault(field["name"], field)
    return found


@each_model
def test_names_are_those_of_the_contract(schema: str) -> None:
    assert set(MODELS[schema].model_fields) == set(fields_of(schema))


@each_model
def test_empty_value_leaves_out_exactly_what_coder_leaves_out(schema: str) -> None:
    written = json.loads(encode(MODELS[schema]()))
    expected = {name for name, field in fields_of(schema).items() if not field.get("omitted_when_empty")}
    assert set(written) == expected


@each_model
def test_null_stands_only_where_coder_writes_null(schema: str) -> None:
    written = json.loads(encode(MODELS[schema]()))
    nullable = {name for name, field in fields_of(schema).items() if field.get("nullable")}
    nullable |= {"token_extra"}  # "object or null" in the text of the contract, not marked in the table
    assert {name for name, value in written.items() if value is None} == nullable & set(written)


@each_model
def test_empty_object_null_members_and_unknown_members_read_alike(schema: str) -> None:
    model = MODELS[schema]
    nulls = json.dumps(dict.fromkeys(fields_of(schema)) | {"a_member_of_tomorrow": {"deep": [1]}})
    assert model.read("{}") == model.read(nulls) == model()


def sample(field: dict[str, Any], depth: int = 0) -> Any:
    """A non-empty value of the field's type."""
    kind: str = field["type"]
    if kind.startswith("array<"):
        return [sample({"type": kind[6:-1]}, depth + 1)]
    if kind.startswith("object<"):
        return {"eu": sample({"type": kind[7:-1]}, depth + 1)}
    if kind == "uuid string":
        return "6f1a1c1e-0000-4000-8000-000000000001"
    if kind == "rfc3339 string":
        return "2026-08-04T10:11:12.123456Z"
    if kind.startswith("integer"):
        return 7
    if kind == "number":
        return 7.5
    if kind == "boolean":
        return True
    for prefix in ("codersdk.", "agentsdk.", "workspacesdk."):
        if prefix + kind in SCHEMAS:
            return {name: sample(inner, depth + 1) for name, inner in fields_of(prefix + kind).items()}
    if kind == "any":
        return "anything"
    if kind == "tailcfg.DERPMap":
        return DERP_MAP
    if kind == "WatchErrorCode":
        return 2
    if kind == "SlimRole":
        return {"name": "owner", "display_name": "Owner", "organization_id": "6f1a1c1e-0000-4000-8000-000000000001"}
    return "a-value-of-tomorrow"  # strings and enums: unknown values must survive


@each_model
def test_full_value_round_trips_unchanged(schema: str) -> None:
    full = {name: sample(field) for name, field in fields_of(schema).items()}
    assert json.loads(encode(MODELS[schema].read(json.dumps(full)))) == full


def test_unknown_enum_value_is_kept() -> None:
    status = statuses.WorkspaceAppStatus.read('{"state": "pondering"}')
    assert status.state == "pondering"
    assert json.loads(encode(status))["state"] == "pondering"


def test_a_pointer_to_false_is_not_left_out() -> None:
    assert json.loads(encode(workspaces.WorkspaceBuild(has_ai_task=False)))["has_ai_task"] is False
    assert json.loads(encode(agents.WorkspaceAgentScript(exit_code=0)))["exit_code"] == 0


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-04-01T12:00:00Z", "2025-04-01T12:00:00Z"),
        ("2025-04-01T12:00:00.1Z", "2025-04-01T12:00:00.1Z"),
        ("2025-04-01T12:00:00.123456789Z", "2025-04-01T12:00:00.123456Z"),
        ("2025-04-01T14:00:00.5+02:00", "2025-04-01T12:00:00.5Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("", "0001-01-01T00:00:00Z"),
    ],
)
def test_times_of_every_precision(text: str, written: str) -> None:
    status = statuses.WorkspaceAppStatus.read(json.dumps({"created_at": text}))
    assert json.loads(encode(status))["created_at"] == written


@given(st.datetimes(timezones=st.timezones(), allow_imaginary=False))
def test_any_time_survives_a_round_trip(value: Any) -> None:
    try:
        written = format_time(value)
    except OverflowError:  # a local time before year 1 in UTC
        return
    again = statuses.WorkspaceAppStatus.read(json.dumps({"created_at": written}))
    assert again.created_at == value.astimezone(UTC)  # times in a repeated hour compare with no other zone


@pytest.mark.parametrize(
    "secret",
    [
        auth.LoginWithPassword(email="kira@acme.io", password="hunter2"),
        auth.SessionToken(session_token="hunter2"),
        auth.ExternalAuth(access_token="hunter2", password="hunter2", token_extra={"refresh": "hunter2"}),
        auth.AgentGitSSHKey(private_key="hunter2"),
        auth.PtyToken(signed_token="hunter2"),
        auth.GoogleInstanceIdentity(json_web_token="hunter2"),
    ],
)
def test_secrets_are_written_but_never_shown(secret: WireModel) -> None:
    assert "hunter2" not in f"{secret!r} {secret!s}"
    assert b"hunter2" in encode(secret)


def test_zero_time_is_year_one() -> None:
    assert format_time(ZERO_TIME) == "0001-01-01T00:00:00Z"


@given(st.text())
def test_encoder_writes_what_go_writes(text: str) -> None:
    raw = encode({"message": text.encode("utf-8", "replace").decode()})
    assert raw.endswith(b"}\n")
    assert b"\n" not in raw[:-1]
    assert not any(char in raw for char in b"<>&")
    assert json.loads(raw)["message"] == text.encode("utf-8", "replace").decode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    data=st.dictionaries(st.sampled_from(sorted(workspaces.Workspace.model_fields)), JSON), noise=st.binary(max_size=40)
)
def test_garbage_is_a_protocol_error_and_nothing_else(data: dict[str, Any], noise: bytes) -> None:
    for body in (json.dumps(data).encode(), noise):
        with suppress(ProtocolError):
            assert isinstance(workspaces.Workspace.read(body), workspaces.Workspace)


def test_the_error_names_type_and_field_but_never_the_value() -> None:
    with pytest.raises(ProtocolError, match=r"unreadable Workspace: latest_build\.build_number") as caught:
        workspaces.Workspace.read('{"latest_build": {"build_number": "s3cret"}}')
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("transition", "job", "status"),
    [
        ("start", "pending", "pending"),
        ("start", "running", "starting"),
        ("stop", "running", "stopping"),
        ("delete", "running", "deleting"),
        ("start", "succeeded", "running"),
        ("stop", "succeeded", "stopped"),
        ("delete", "succeeded", "deleted"),
        ("start", "canceled", "canceled"),
        ("stop", "failed", "failed"),
        ("start", "canceling", "canceling"),
    ],
)
def test_build_status_derivation(transition: str, job: str, status: str) -> None:
    assert workspaces.build_status(transition, job) == status
