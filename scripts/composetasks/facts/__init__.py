"""The data that all folders of the library share: frozen dataclasses and enums, and nothing that
acts.

Names are those of Docker, Compose and Invoke. Times are RFC 3339 strings in UTC as the engine
reports them, durations are seconds, sizes are bytes. The mappings in a fact are not changed after
the fact was created.

A module is imported when one of its names is first used: creating dataclasses takes time, and no
task uses all of them.
"""

# mypy: implicit-reexport
# ruff: noqa: F403
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composetasks.facts.codes import *
    from composetasks.facts.deploy import *
    from composetasks.facts.doctor import *
    from composetasks.facts.engine import *
    from composetasks.facts.environment import *
    from composetasks.facts.init import *
    from composetasks.facts.jobs import *
    from composetasks.facts.layers import *
    from composetasks.facts.model import *
    from composetasks.facts.operations import *
    from composetasks.facts.plans import *
    from composetasks.facts.service_facts import *
    from composetasks.facts.state import *
    from composetasks.facts.timeline import *
    from composetasks.facts.watch import *
    from composetasks.facts.world import *

_NAMES = {
    "codes": "ExitCode",
    "deploy": "Content Revision StackFile Swarm SwarmService SwarmTask DeployModel",
    "doctor": "Builder Check Daemon Disk Plugin Reach Status Watching",
    "engine": "INSTANCE_LABEL OWNER_LABEL Binding Container Engine Image Network Role Volume "
    "bind_device published_at reached_at role",
    "environment": "EnvFile Environment Problem Reading Setting Usage Variable VariableStatus",
    "init": "Fate InitPlan ModelVariable Proposal ProposedFile Replacement Surroundings",
    "jobs": "Ended Run",
    "layers": "BuildTime Commits Layer LayeredImage StepTime",
    "model": "OLDEST_COMPOSE Build Dependency Model Mount Port Resource Service StackCheck",
    "operations": "Action BuildImage ClearingOperation ContainerOperation ContainerStart "
    "CreateContainer CreateService EmptyState EndForwards EndInstance ForwardPort ImageOperation "
    "Operation PullImage PushImage RecreateContainer RemoveContainer RemoveImage RemoveNetwork "
    "RemoveService RenameContainer RestartContainer RestoreState RetagImage RunCheck RunCheckJob "
    "RunProvider Send StartContainer StateOperation StopContainer StopProvider SwarmOperation "
    "TakeSnapshot UpdateService Wait",
    "plans": "MADE_BY_PLAN NO_SUBNET Blocker Consent Event Evidence LogLine Plan Step",
    "service_facts": "FactsSource ServiceFacts",
    "state": "Snapshot SnapshotPart State Unkept",
    "timeline": "Link ServiceStart Shortening Timeline",
    "watch": "Edit Hook Rebuild Restart RunHook Sync WatchAction WatchOperation WatchRule",
    "world": "AbandonedInstance BuildInputs Forwards Hidden InCommon Maker NotSent PortHolder SENT "
    "Scope Sent ServiceStatus Shared World",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
