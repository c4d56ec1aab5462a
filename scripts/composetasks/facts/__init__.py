"""The words every room speaks in: frozen dataclasses and enums, and nothing that acts.

Names are Docker's, Compose's and Invoke's own. Times are RFC 3339 strings in UTC as the
engine gives them, durations are seconds, sizes are bytes. Mappings held by a fact are never
written to after it was made.
"""

from composetasks.facts.codes import ExitCode
from composetasks.facts.doctor import Builder, Check, Daemon, Disk, Plugin, Reach, Status, Watching
from composetasks.facts.engine import (
    INSTANCE_LABEL,
    OWNER_LABEL,
    Binding,
    Container,
    Engine,
    Image,
    Network,
    Volume,
)
from composetasks.facts.environment import EnvFile, Environment, Problem, Reading, Usage, Variable
from composetasks.facts.events import Event, LogLine
from composetasks.facts.layers import BuildTime, Commits, Layer, LayeredImage, StepTime
from composetasks.facts.model import Build, Dependency, Model, Mount, Port, Resource, Service
from composetasks.facts.plans import Action, Blocker, Consent, Evidence, Plan, Step
from composetasks.facts.state import Snapshot, SnapshotPart, State
from composetasks.facts.timeline import Link, ServiceStart, Shortening, Timeline
from composetasks.facts.world import BuildInputs, Orphan, PortHolder, Shared, World

__all__ = [
    "INSTANCE_LABEL",
    "OWNER_LABEL",
    "Action",
    "Binding",
    "Blocker",
    "Build",
    "BuildInputs",
    "BuildTime",
    "Builder",
    "Check",
    "Commits",
    "Consent",
    "Container",
    "Daemon",
    "Dependency",
    "Disk",
    "Engine",
    "EnvFile",
    "Environment",
    "Event",
    "Evidence",
    "ExitCode",
    "Image",
    "Layer",
    "LayeredImage",
    "Link",
    "LogLine",
    "Model",
    "Mount",
    "Network",
    "Orphan",
    "Plan",
    "Plugin",
    "Port",
    "PortHolder",
    "Problem",
    "Reach",
    "Reading",
    "Resource",
    "Service",
    "ServiceStart",
    "Shared",
    "Shortening",
    "Snapshot",
    "SnapshotPart",
    "State",
    "Status",
    "Step",
    "StepTime",
    "Timeline",
    "Usage",
    "Variable",
    "Volume",
    "Watching",
    "World",
]
