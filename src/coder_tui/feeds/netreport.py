"""What a screen needs to judge a netcheck. Apart from `source`, because the first frame does not wait for it."""

from coder_tui.client.netreport import EMPTY, AgentSide, Measured, NodeReport, Probe, Report
from coder_tui.client.verdict import Path, verdict, warnings

__all__ = ["EMPTY", "AgentSide", "Measured", "NodeReport", "Path", "Probe", "Report", "verdict", "warnings"]
