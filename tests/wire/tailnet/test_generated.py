"""The generated modules are those of the texts beside them, and load on every runtime that we allow."""

import re
import tomllib
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FileDescriptor

from coder_tui.wire.tailnet import agentsocket_pb2, tailnet_pb2

ROOT = Path(__file__).parents[3]
HOME = ROOT / "src" / "coder_tui" / "wire" / "tailnet"
FIELD = re.compile(r"^\s+(?:repeated )?[\w.]+(?:<[\w., ]+>)? (\w+) = (\d+);", re.MULTILINE)
VALUE = re.compile(r"^\s+([A-Z_]+) = (\d+);", re.MULTILINE)
MODULES = [tailnet_pb2.DESCRIPTOR, agentsocket_pb2.DESCRIPTOR]


def all_messages(found: list[Descriptor]) -> list[Descriptor]:
    return [one for message in found for one in [message, *all_messages(list(message.nested_types))]]


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.name)
def test_every_line_of_the_text_is_in_the_module(file: FileDescriptor) -> None:
    text = (ROOT / "src" / file.name).read_text()
    messages = all_messages(list(file.message_types_by_name.values()))
    maps = [one for one in messages if one.GetOptions().map_entry]
    fields = sorted((field.name, str(field.number)) for one in messages if one not in maps for field in one.fields)
    assert fields == sorted(FIELD.findall(text))
    values = sorted(
        (value.name, str(value.number)) for one in messages for enum in one.enum_types for value in enum.values
    )
    assert values == sorted(VALUE.findall(text))
    methods = {method.name for service in file.services_by_name.values() for method in service.methods}
    assert methods == set(re.findall(r"rpc (\w+)", text))


def test_the_oldest_runtime_we_allow_can_load_them() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (lowest,) = [re.findall(r">=([\d.]+)", one)[0] for one in wanted if one.startswith("protobuf")]
    for module in HOME.glob("*_pb2.py"):
        (made,) = re.findall(r"Protobuf Python Version: ([\d.]+)", module.read_text())
        assert [int(part) for part in made.split(".")][:2] <= [int(part) for part in lowest.split(".")], module
