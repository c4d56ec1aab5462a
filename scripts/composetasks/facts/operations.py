"""The operations of steps as data: one class for each action, with all that ``apply`` needs besides
the step's target. A plan sets these fields; a step's reason and evidence are for people and are
never read to decide anything.

``Operation`` is the union of these classes. Code that branches on its members returns in each
branch, so that mypy reports the missing branch for a new member.
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
    """Build the image of the step's service; ``no_cache``: run every step again; ``pull``: pull its
    base images first."""

    action: ClassVar[Action] = Action.BUILD_IMAGE
    no_cache: bool = False
    pull: bool = False


@frozen
class PullImage:
    """Pull the image of the step's service; ``shared`` is the reference in the shared registry of
    an image with the same inputs, if that is the image to pull."""

    action: ClassVar[Action] = Action.PULL_IMAGE
    shared: str = ""


@frozen
class RetagImage:
    """Tag the image that is the step's key with the step's target."""

    action: ClassVar[Action] = Action.RETAG_IMAGE


@frozen
class PushImage:
    """Push the image of the step's service to the shared registry."""

    action: ClassVar[Action] = Action.PUSH_IMAGE


@frozen
class RemoveImage:
    """Remove a tag, and the image if it was its last tag."""

    action: ClassVar[Action] = Action.REMOVE_IMAGE


# --- conflicts and leftovers ----------------------------------------------------------------


@frozen
class RemoveContainer:
    """Stop and remove a container. ``stopped_only``: the consent covers a stopped container only;
    ``by_compose``: Compose stops it, after its ``pre_stop`` hooks."""

    action: ClassVar[Action] = Action.REMOVE_CONTAINER
    stopped_only: bool = False
    by_compose: bool = False


@frozen
class StopContainer:
    """Stop a container; ``by_compose``: Compose stops it, after its ``pre_stop`` hooks."""

    action: ClassVar[Action] = Action.STOP_CONTAINER
    by_compose: bool = False


@frozen
class RenameContainer:
    """Rename a container to ``new``."""

    action: ClassVar[Action] = Action.RENAME_CONTAINER
    new: str


@frozen
class RemoveNetwork:
    """Remove a network. ``disconnect_ours``: disconnect this project's containers first, since they
    are recreated; ``disconnect_all``: disconnect all other running containers too."""

    action: ClassVar[Action] = Action.REMOVE_NETWORK
    disconnect_ours: bool = False
    disconnect_all: bool = False


@frozen
class StopProvider:
    """Let Compose call a service's provider to remove what it created."""

    action: ClassVar[Action] = Action.STOP_PROVIDER


@frozen
class EndInstance:
    """End the instance ``name`` of ``owner``; ``folder`` is the instance's own ("" if it has
    none)."""

    action: ClassVar[Action] = Action.END_INSTANCE
    name: str
    owner: str
    folder: str = ""


# --- state ----------------------------------------------------------------------------------


@frozen
class TakeSnapshot:
    """Save the state named in ``state`` as the snapshot that is the step's target, while the
    containers named in ``paused`` are paused."""

    action: ClassVar[Action] = Action.SNAPSHOT
    state: tuple[str, ...]
    paused: tuple[str, ...] = ()


@frozen
class EmptyState:
    """Empty the volume or folder that is the step's target."""

    action: ClassVar[Action] = Action.EMPTY_STATE


@frozen
class RestoreState:
    """Restore the step's target from ``snapshot``; devices and privileged programs (set-user-ID,
    set-group-ID, file capabilities) only with ``special``."""

    action: ClassVar[Action] = Action.RESTORE_STATE
    snapshot: str
    special: bool = False


# --- containers -----------------------------------------------------------------------------


@frozen
class CreateContainer:
    """Let Compose create and start a container. ``sees_dependencies``: Compose may create it
    together with all of its dependencies, none of which it would change, and so writes the
    dependencies into the container's label."""

    action: ClassVar[Action] = Action.CREATE_CONTAINER
    sees_dependencies: bool = False


@frozen
class RecreateContainer:
    """Let Compose recreate a container. ``forced``: for a reason that Compose itself does not
    consider; ``changed``: it differs from the model (it does not if Compose recreates it only
    because it depends on a provider); ``sees_dependencies``: as in CreateContainer."""

    action: ClassVar[Action] = Action.RECREATE_CONTAINER
    forced: bool = False
    changed: bool = True
    sees_dependencies: bool = False


@frozen
class StartContainer:
    """Let Compose start a container; ``unpause``: it is paused; ``as_it_was``: start the same
    container even if its model has changed."""

    action: ClassVar[Action] = Action.START_CONTAINER
    unpause: bool = False
    as_it_was: bool = False


@frozen
class RestartContainer:
    """Stop a container, if it runs, and start it unchanged; ``by_compose``: Compose does this, with
    the service's hooks, for all containers of the service at once."""

    action: ClassVar[Action] = Action.RESTART_CONTAINER
    by_compose: bool = True


@frozen
class RunProvider:
    """Let Compose run a service's provider."""

    action: ClassVar[Action] = Action.RUN_PROVIDER


@frozen
class Wait:
    """Wait until a running container is up."""

    action: ClassVar[Action] = Action.WAIT


@frozen
class Send:
    """Send the changes of a file or folder of this machine, the step's target, to the volume that
    replaces its bind mounts: the paths ``changed`` are sent, the paths ``removed`` are removed."""

    action: ClassVar[Action] = Action.SEND
    changed: tuple[str, ...]
    removed: tuple[str, ...] = ()


@frozen
class ForwardPort:
    """Forward ports of this machine to the ports that the containers of the step's service publish
    on the engine's host for their ``port``."""

    action: ClassVar[Action] = Action.FORWARD_PORT
    port: int


@frozen
class EndForwards:
    """End all forwards from ports of this machine to the project."""

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
    """Remove the service whose id is the step's key from a swarm."""

    action: ClassVar[Action] = Action.REMOVE_SERVICE


@frozen
class RunCheckJob:
    """Run ``command`` as a job in a swarm, with the configuration of the step's service."""

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
