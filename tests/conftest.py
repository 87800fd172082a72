"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code. CI looks at the same examples each time, so that a landing says something
# about the change; everywhere else new ones are tried.
settings.register_profile(
    "house",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("house")


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: one more than there are processors, for many tests wait for real processes and sockets."""
    return (os.cpu_count() or 1) + 1
