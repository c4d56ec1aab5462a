"""What a step does, as data: one class for each action, with all that ``apply`` has to know of it
beyond the step's target. A plan decides these fields; nothing is ever read from a step's reason or
evidence, which are for people.

``Operation`` is the union of them all: who tells its members apart returns in each branch, so that
mypy finds the branch that a new one lacks.
"""

from __future__ import annotations

import enum
from typing import ClassVar

from composetasks.facts.frozen import frozen


class Action(str, enum.Enum):
    """The name of an operation in a plan; docs/reference/plan.md has a row for each."""

    BUILD_IMAGE = "build-image"
    PULL_IMAGE = "pull-image"
    RETAG_IMAGE = "retag-image"
    PUSH_IMAGE = "push-image"
    REMOVE_CONTAINER = "remove-container"
    RENAME_CONTAINER = "rename-container"
    STOP_CONTAINER = "stop-container"
    REMOVE_NETWORK = "remove-network"
    REMOVE_IMAGE = "remove-image"
    END_INSTANCE = "end-instance"
    SNAPSHOT = "snapshot"
    EMPTY_STATE = "empty-state"
    RESTORE_STATE = "restore-state"
    CREATE_CONTAINER = "create-container"
    RECREATE_CONTAINER = "recreate-container"
    START_CONTAINER = "start-container"
    RESTART_CONTAINER = "restart-container"
    RUN_PROVIDER = "run-provider"
    STOP_PROVIDER = "stop-provider"
    WAIT = "wait"
    SEND = "send"
    FORWARD_PORT = "forward-port"
    END_FORWARDS = "end-forwards"
    RUN_CHECK = "run-check"
    RUN_CHECK_JOB = "run-check-job"
    CREATE_SERVICE = "create-service"
    UPDATE_SERVICE = "update-service"
    REMOVE_SERVICE = "remove-service"


# --- images ---------------------------------------------------------------------------------


@frozen
class BuildImage:
    """Build the image of the step's service: every layer again with ``no_cache``, after its base
    images were pulled with ``pull``."""

    action: ClassVar[Action] = Action.BUILD_IMAGE
    no_cache: bool = False
    pull: bool = False


@frozen
class PullImage:
    """Pull the image of the step's service; ``shared`` is the reference in the shared registry
    that has one of the same inputs, where that is what is pulled."""

    action: ClassVar[Action] = Action.PULL_IMAGE
    shared: str = ""


@frozen
class RetagImage:
    """Put the step's target as a tag on the image that is the step's key."""

    action: ClassVar[Action] = Action.RETAG_IMAGE


@frozen
class PushImage:
    """Push the image of the step's service to the shared registry."""

    action: ClassVar[Action] = Action.PUSH_IMAGE


@frozen
class RemoveImage:
    """Remove a tag, and with its last one the image."""

    action: ClassVar[Action] = Action.REMOVE_IMAGE


# --- what is in the way ---------------------------------------------------------------------


@frozen
class RemoveContainer:
    """Stop and remove a container. ``stopped_only``: what was consented to is the removal of one
    that does not run; ``by_compose``: Compose stops it, after its ``pre_stop`` hooks."""

    action: ClassVar[Action] = Action.REMOVE_CONTAINER
    stopped_only: bool = False
    by_compose: bool = False


@frozen
class StopContainer:
    """Stop a container; ``by_compose``: Compose does, after its ``pre_stop`` hooks."""

    action: ClassVar[Action] = Action.STOP_CONTAINER
    by_compose: bool = False


@frozen
class RenameContainer:
    """Give a container the name ``new``."""

    action: ClassVar[Action] = Action.RENAME_CONTAINER
    new: str


@frozen
class RemoveNetwork:
    """Remove a network. ``disconnect_ours``: containers of our services are taken off it first,
    since they are recreated; ``disconnect_all``: any other running container is, too."""

    action: ClassVar[Action] = Action.REMOVE_NETWORK
    disconnect_ours: bool = False
    disconnect_all: bool = False


@frozen
class StopProvider:
    """Let Compose have a service's provider end what it made."""

    action: ClassVar[Action] = Action.STOP_PROVIDER


@frozen
class EndInstance:
    """End the instance ``name`` of ``owner``; ``folder`` is its own ("" where it has none)."""

    action: ClassVar[Action] = Action.END_INSTANCE
    name: str
    owner: str
    folder: str = ""


# --- state ----------------------------------------------------------------------------------


@frozen
class TakeSnapshot:
    """Keep the pieces of state named ``state`` as the snapshot that is the step's target, while
    the containers named ``paused`` are paused."""

    action: ClassVar[Action] = Action.SNAPSHOT
    state: tuple[str, ...]
    paused: tuple[str, ...] = ()


@frozen
class EmptyState:
    """Empty the piece of state that is the step's target."""

    action: ClassVar[Action] = Action.EMPTY_STATE


@frozen
class RestoreState:
    """Put back what ``snapshot`` holds of the step's target; only with ``special`` may devices and
    programs with other rights than their caller's be among it."""

    action: ClassVar[Action] = Action.RESTORE_STATE
    snapshot: str
    special: bool = False


# --- containers -----------------------------------------------------------------------------


@frozen
class CreateContainer:
    """Let Compose create and start a container. ``sees_dependencies``: it may make it together with
    all that the service depends on, none of which it would touch; so it writes that into its
    label."""

    action: ClassVar[Action] = Action.CREATE_CONTAINER
    sees_dependencies: bool = False


@frozen
class RecreateContainer:
    """Let Compose recreate a container. ``forced``: for something that Compose itself does not
    recreate it for; ``changed``: something of it differs from the model (nothing does where it is
    recreated since Compose does so with whatever depends on a provider); ``sees_dependencies`` as
    for one that is created."""

    action: ClassVar[Action] = Action.RECREATE_CONTAINER
    forced: bool = False
    changed: bool = True
    sees_dependencies: bool = False


@frozen
class StartContainer:
    """Let Compose start a container; ``unpause`` one that is paused. ``as_it_was``: whatever the
    model says of it by now, the same container is started."""

    action: ClassVar[Action] = Action.START_CONTAINER
    unpause: bool = False
    as_it_was: bool = False


@frozen
class RestartContainer:
    """Stop a container, if it runs, and start it as it is; ``by_compose``: Compose does, with the
    service's hooks, and all containers of the service at once."""

    action: ClassVar[Action] = Action.RESTART_CONTAINER
    by_compose: bool = True


@frozen
class RunProvider:
    """Let Compose run a service's provider."""

    action: ClassVar[Action] = Action.RUN_PROVIDER


@frozen
class Wait:
    """Wait until a container that runs is up."""

    action: ClassVar[Action] = Action.WAIT


@frozen
class Send:
    """Send what changed in a file or folder of this machine, the step's target, to the volume that
    stands for its bind mounts: what is at the paths ``changed`` is sent, what is at ``removed`` is
    removed there."""

    action: ClassVar[Action] = Action.SEND
    changed: tuple[str, ...]
    removed: tuple[str, ...] = ()


@frozen
class ForwardPort:
    """Let ports of this machine lead to what the containers of the step's service publish of their
    ``port`` on the engine's host."""

    action: ClassVar[Action] = Action.FORWARD_PORT
    port: int


@frozen
class EndForwards:
    """Let no port of this machine lead to the project any more."""

    action: ClassVar[Action] = Action.END_FORWARDS


@frozen
class RunCheck:
    """Run ``command`` in the container of the step's service."""

    action: ClassVar[Action] = Action.RUN_CHECK
    command: tuple[str, ...]


# --- services of a swarm --------------------------------------------------------------------


@frozen
class CreateService:
    """Let ``docker stack deploy`` create the step's service in a swarm."""

    action: ClassVar[Action] = Action.CREATE_SERVICE


@frozen
class UpdateService:
    """Let ``docker stack deploy`` update the step's service in a swarm."""

    action: ClassVar[Action] = Action.UPDATE_SERVICE


@frozen
class RemoveService:
    """Remove a service, whose id is the step's key, from a swarm."""

    action: ClassVar[Action] = Action.REMOVE_SERVICE


@frozen
class RunCheckJob:
    """Run ``command`` as a job in a swarm, as the step's service runs there."""

    action: ClassVar[Action] = Action.RUN_CHECK_JOB
    command: tuple[str, ...]


ImageOperation = BuildImage | PullImage | RetagImage | PushImage
ClearingOperation = RemoveContainer | StopContainer | RenameContainer | RemoveNetwork | RemoveImage
StateOperation = TakeSnapshot | EmptyState | RestoreState
ContainerStart = CreateContainer | RecreateContainer | StartContainer
ContainerOperation = ContainerStart | RestartContainer | RunProvider | Wait
SwarmOperation = CreateService | UpdateService | RemoveService | RunCheckJob
Operation = (
    ImageOperation
    | ClearingOperation
    | StateOperation
    | ContainerOperation
    | StopProvider
    | EndInstance
    | Send
    | ForwardPort
    | EndForwards
    | RunCheck
    | SwarmOperation
)
