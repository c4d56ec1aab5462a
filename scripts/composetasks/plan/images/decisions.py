"""Which images are built, retagged or pulled, and why.

Besides its normal tag, an image has the digest of its inputs as a tag,
``<repository>:ct-<digest>``. The required digest and the existing tags decide; the record kept when
the present image was built shows which files differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from composetasks.facts import (
    Blocker,
    BuildImage,
    BuildInputs,
    Evidence,
    Image,
    Plan,
    PullImage,
    PushImage,
    RetagImage,
    Service,
    Step,
    World,
)
from composetasks.facts.frozen import frozen
from composetasks.facts.program import task
from composetasks.facts.references import plain, short_id
from composetasks.plan.images import pulled
from composetasks.plan.images.tags import (
    is_ours,
    only_hidden_changed,
    put_by_hand,
    record_of,
)
from composetasks.plan.images.why_built import WhyBuilt, build_reason, changed_files, differences


@frozen
class ImagePlan:
    """The image steps, and the id of the image that each service's containers are to run: None if a
    step of the plan makes it."""

    steps: tuple[Step, ...] = ()
    image_of: Mapping[str, str | None] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    blockers: tuple[Blocker, ...] = ()


def plan_build(
    world: World,
    services: Sequence[str],
    *,
    no_cache: bool = False,
    pull: bool = False,
    push: bool = False,
) -> Plan:
    """The plan of ``build``: the changed images of ``services``, or of all if none is named."""
    wanted = [
        name
        for name, service in world.model.services.items()
        if service.build and (name in services or not services)
    ]
    images = plan_images(world, wanted, no_cache=no_cache, pull=pull, push=push)
    warnings = (*world.warnings, *images.warnings)
    return world.plan("build", images.steps, blockers=images.blockers, warnings=warnings)


def plan_images(
    world: World,
    services: Iterable[str],
    *,
    no_cache: bool = False,
    pull: bool = False,
    push: bool = False,
    to_run: bool = False,
) -> ImagePlan:
    """The image steps that ``services`` need. If they are only needed ``to_run`` the services,
    changes to files that all services hide with mounts need no build.

    ``no_cache`` builds everything; without it, a plan that is not ``to_run`` builds images whose
    model has ``no_cache: true``. ``pull`` checks all images from registries, and images
    based on them, for newer versions; ``push`` adds the images that the shared registry lacks.
    """
    names = tuple(services)
    uncached = [name for name in names if no_cache or (not to_run and _never_cached(world, name))]
    planner = _Planner(world, names, uncached, names if pull else tuple(world.outdated), to_run)
    for name in names:
        planner.service(name)
    if push:
        planner.push(names)
    return ImagePlan(
        steps=tuple(planner.steps.values()),
        image_of=planner.image_of,
        warnings=tuple(dict.fromkeys(planner.warnings)),
        blockers=tuple({one.message: one for one in planner.blockers}.values()),
    )


class _Planner:
    """Plans the images of services, each after those that it is built upon."""

    def __init__(
        self,
        world: World,
        names: Sequence[str],
        uncached: Sequence[str],
        pull: Sequence[str],
        to_run: bool,
    ) -> None:
        self.world, self.uncached, self.pull, self.to_run = world, uncached, pull, to_run
        self.asking = pulled.asking(world, names)
        self.steps: dict[str, Step] = {}
        self.image_of: dict[str, str | None] = {}
        self.warnings: list[str] = []
        self.blockers: list[Blocker] = []
        self.builders = {
            image: name for image, name in world.model.builders().items() if name in world.inputs
        }

    def service(self, name: str) -> None:
        """Plan the steps for the service's image and for the images that it is based on."""
        if name in self.image_of:
            return
        service = self.world.model.service(name)
        if service.provided:
            self.image_of[name] = None
            return
        builder = self.builders.get(plain(service.image))
        fault = self._fault(service)
        if fault is not None:
            present = self.world.engine.image(service.image)
            self.image_of[name] = present.id if present else None
            self.blockers.append(fault)
        elif builder is not None:
            self._built(builder)
            self.image_of[name] = self.image_of[builder]
        else:
            self._pulled(service)
        # Compose pulls a mounted image from a registry when it creates the container.
        for reference in map(plain, service.mounted_images):
            if reference in self.builders:
                self._built(self.builders[reference])

    def _fault(self, service: Service) -> Blocker | None:
        """Why the image of a service, or one it mounts, can't be built; None if it can."""
        unbuildable, builders = self.world.unbuildable, self.world.model.builders()
        if service.name in unbuildable:
            return unbuildable[service.name]
        for image in map(plain, (service.image, *service.mounted_images)):
            if image not in self.builders and builders.get(image) in unbuildable:
                return unbuildable[builders[image]]
        return None

    # --- built images -----------------------------------------------------------------------

    def _built(self, name: str) -> None:
        if name in self.image_of:
            return
        service, inputs = self.world.model.service(name), self.world.inputs[name]
        present = self.world.engine.image(service.image)
        same = self.world.engine.built_from(inputs.digest)
        # Builds of the same inputs may differ in their timestamps, and so in their ids.
        if present and inputs.digest in present.inputs_digests:
            same = present
        spares = self.to_run and name not in self.uncached and name not in self.pull
        if present and not same and spares and only_hidden_changed(self.world, inputs, present):
            self.image_of[name] = present.id
            return
        why = self._why_built(name, inputs, present, same)
        shared = self._shared(name, why.evidence)
        if shared is not None:
            self._add(shared)
            self.image_of[name] = None
            return
        if why.evidence:
            self.warnings += inputs.warnings
            self._add(
                Step(
                    operation=self._build(name, inputs),
                    target=service.image,
                    reason=build_reason(why),
                    service=name,
                    services=self._sharing(name),
                    because=why.evidence,
                    needs=tuple(dict.fromkeys(self._bases(inputs))),
                    key=present.id if present else "",
                )
            )
            self.image_of[name] = None
            return
        assert same is not None
        by_hand = present if present and put_by_hand(self.world, service, present, same) else None
        self.image_of[name] = by_hand.id if by_hand else same.id
        if by_hand:
            self.warnings.append(
                f"{name}: {service.image} was retagged by someone else after the last build here; "
                f"it is used unchanged, and {task(f'build --no-cache {name}')} rebuilds it"
            )
        elif present is None or present.id != same.id:
            self._retag(service, service.image, present, same)
        self._more_tags(service, same)

    def _more_tags(self, service: Service, same: Image) -> None:
        """Put the other tags of a service's build section on its image, except those that another
        service or someone else uses; an instance takes no tag from another one."""
        for tag in service.build.tags if service.build else ():
            present = self.world.engine.image(tag)
            taken = present is not None and (
                present.id == same.id
                or not is_ours(self.world, present)
                or self.world.model.instance is not None
            )
            if not taken and self.builders.get(plain(tag)) == service.name:
                self._retag(service, tag, present, same)

    def _build(self, name: str, inputs: BuildInputs) -> BuildImage:
        return BuildImage(
            no_cache=name in self.uncached, pull=name in self.pull and self._pulls(inputs)
        )

    def _why_built(
        self, name: str, inputs: BuildInputs, present: Image | None, same: Image | None
    ) -> WhyBuilt:
        """The evidence for a build; none if an image with this digest exists."""
        build, flags = self._build(name, inputs), []
        if build.no_cache:
            flags.append(Evidence(kind="no-cache"))
        if build.pull:
            flags.append(Evidence(kind="pull"))
        if flags:
            return WhyBuilt(tuple(flags))
        if same is not None:
            return WhyBuilt(tuple(self._rebuilt_below(inputs)))
        if present is None:
            return WhyBuilt((Evidence(kind="no-image"),))
        record = record_of(self.world, present)
        changes = tuple(differences(record, inputs)) if record else ()
        if record is None or not changes:
            return WhyBuilt((Evidence(kind="no-record"),))
        return WhyBuilt(changes, len(changed_files(record, inputs)))

    def _shared(self, name: str, because: tuple[Evidence, ...]) -> Step | None:
        """The step that pulls a service's image from the shared registry instead of building it;
        None if the registry has none of the same inputs, or if a build was asked for."""
        shared = self.world.shared
        wanted = name in self.uncached or name in self.pull
        if not because or wanted or shared is None or name not in shared.images:
            return None
        service = self.world.model.service(name)
        present = self.world.engine.image(service.image)
        return Step(
            operation=PullImage(shared=shared.images[name]),
            target=service.image,
            reason=f"{shared.registry} has an image with the same build inputs",
            service=name,
            services=self._sharing(name),
            because=(Evidence(kind="shared-image", name=shared.images[name]), *because),
            key=present.id if present else "",
        )

    def push(self, names: Sequence[str]) -> None:
        """Plan to push the images of ``names`` that are missing in the shared registry."""
        shared = self.world.shared
        if shared is None:
            return
        for name in dict.fromkeys(
            self.builders[image]
            for name in names
            if (image := plain(self.world.model.service(name).image)) in self.builders
        ):
            image_steps = [step for step in self.steps.values() if name == step.service]
            if name in shared.images and not any(
                isinstance(step.operation, BuildImage) for step in image_steps
            ):
                continue
            target = shared.reference(name, self.world.inputs[name].digest)
            self._add(
                Step(
                    operation=PushImage(),
                    target=target,
                    reason=f"not in {shared.registry} yet",
                    service=name,
                    because=(Evidence(kind="no-shared-image", name=target),),
                    needs=tuple(step.id for step in image_steps),
                )
            )

    def _pulls(self, inputs: BuildInputs) -> bool:
        """Whether a base image comes from a registry; one that was built here can't be pulled."""
        for reference, identity in inputs.bases.items():
            image = self.world.engine.image(reference)
            if not identity.startswith("ct-") and (image is None or image.digests):
                return True
        return False

    def _rebuilt_below(self, inputs: BuildInputs) -> Iterator[Evidence]:
        """Yield the base images that this plan rebuilds although their inputs are the same."""
        for name in self._builders_of(inputs):
            if name in self.uncached or name in self.pull:
                self._built(name)
                if self.image_of[name] is None:
                    yield Evidence(kind="base-image", name=self.world.model.service(name).image)

    def _builders_of(self, inputs: BuildInputs) -> Iterator[str]:
        """Yield the services whose images this image is based on."""
        for reference, identity in inputs.bases.items():
            if identity.startswith("ct-"):
                for name, other in self.world.inputs.items():
                    if f"service:{name}" == reference or f"ct-{other.digest}" == identity:
                        image = plain(self.world.model.service(name).image)
                        yield self.builders.get(image, name)
                        break

    def _bases(self, inputs: BuildInputs) -> Iterator[str]:
        """Yield the ids of the steps that make the images this image is based on."""
        for name in self._builders_of(inputs):
            self._built(name)
            image = self.world.model.service(name).image
            yield from (step.id for step in self.steps.values() if step.target == image)

    def _retag(self, service: Service, tag: str, present: Image | None, same: Image) -> None:
        old = short_id(present.id) if present else None
        name = f"ct-{self.world.inputs[service.name].digest}"
        self._add(
            Step(
                operation=RetagImage(),
                target=tag,
                reason="an image with the same build inputs already exists",
                service=service.name,
                services=self._sharing(service.name),
                because=(Evidence(kind="image", old=old, new=short_id(same.id), name=name),),
                key=same.id,
            )
        )

    # --- pulled images ----------------------------------------------------------------------

    def _pulled(self, service: Service) -> None:
        present = self.world.engine.image(service.image)
        self.image_of[service.name] = present.id if present else None
        if present is None and not pulled.allowed(service):
            self.blockers.append(pulled.blocker(service))
            return
        newest = service.name in self.pull
        step = pulled.pull_step(self.world, service, present, self.asking, newest=newest)
        if step is None:
            return
        self.image_of[service.name] = None
        earlier = self.steps.get(step.id)
        if earlier is not None:
            step = replace(earlier, services=(*earlier.services, service.name))
        self._add(step)

    def _add(self, step: Step) -> None:
        self.steps[step.id] = step

    def _sharing(self, builder: str) -> tuple[str, ...]:
        """The services that run or mount the image that ``builder`` builds, itself first."""
        image = self.world.model.service(builder).image
        own = self.world.inputs[builder].digest
        sharing = [builder]
        for name, service in self.world.model.services.items():
            uses = map(plain, (service.image, *service.mounted_images))
            if name == builder or builder not in map(self.builders.get, uses):
                continue
            sharing.append(name)
            if (
                plain(service.image) == plain(image)
                and name in self.world.inputs
                and self.world.inputs[name].digest != own
            ):
                self.warnings.append(
                    f"{builder} and {name} build the same image {image} from different build "
                    f"inputs; the image that {builder} builds is used"
                )
        return tuple(sharing)


def _never_cached(world: World, name: str) -> bool:
    build = world.model.service(name).build
    return build is not None and build.no_cache
