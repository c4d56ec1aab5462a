"""What happens to each field of a service on Swarm.

Measured with ``docker stack deploy`` of the docker client 28: it refuses fields that it does not
know, and ignores others, with one line of output or none.
"""

from __future__ import annotations

SAME = frozenset(
    (
        *("cap_add", "cap_drop", "command", "credential_spec", "dns", "dns_search", "entrypoint"),
        *("environment", "healthcheck", "hostname", "init", "isolation", "labels", "logging"),
        *("oom_score_adj", "read_only", "stdin_open", "stop_grace_period", "stop_signal"),
        *("sysctls", "tmpfs", "tty", "ulimits", "user", "working_dir"),
    )
)
"""Fields that have the same name and meaning in a stack file."""

TRANSLATED = frozenset(
    (
        *("configs", "container_name", "cpus", "deploy", "depends_on", "extra_hosts", "image"),
        *("mem_limit", "mem_reservation", "networks", "pids_limit", "ports", "restart", "scale"),
        *("secrets", "shm_size", "volumes"),
    )
)

COMPOSE_ONLY = frozenset(
    (
        *("attach", "build", "develop", "env_file", "expose", "label_file", "profiles"),
        *("pull_policy", "pull_refresh_after"),
    )
)
"""Fields that say how Compose creates containers, not what runs in them."""

REFUSED = {
    "cgroup": "a control group setting",
    "device_cgroup_rules": "devices",
    "devices": "host devices",
    "external_links": "containers outside the stack",
    "gpus": "GPUs",
    "group_add": "additional groups",
    "ipc": "an IPC namespace",
    "links": "link aliases",
    "models": "models",
    "network_mode": "a network mode",
    "pid": "a PID namespace",
    "post_start": "hooks",
    "pre_stop": "hooks",
    "privileged": "privileged mode",
    "provider": "providers",
    "runtime": "another runtime",
    "security_opt": "security options",
    "use_api_socket": "the engine's socket",
    "userns_mode": "a user namespace mode",
    "uts": "the host's UTS namespace",
    "volumes_from": "another container's volumes",
}
"""Fields without which the service would run differently, and what they ask for."""

PLACED = ("node.hostname", "node.id", "node.ip", "node.labels")
"""The prefixes of placement constraints that choose nodes rather than kinds of nodes."""
