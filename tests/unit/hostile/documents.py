"""What a well-behaved program would have said, for others to spoil."""

from __future__ import annotations

from typing import Any

MODEL: dict[str, Any] = {
    "name": "shop",
    "services": {
        "web": {
            "image": "shop-web",
            "build": {"context": "/srv/shop/web", "dockerfile": "Dockerfile", "args": {"A": "1"}},
            "command": ["serve", "now"],
            "container_name": "web",
            "depends_on": {"db": {"condition": "service_healthy", "required": True}},
            "deploy": {"replicas": 1},
            "environment": {"A": "1", "DB_PASSWORD": "hunter2hunter2"},
            "healthcheck": {"test": ["CMD", "true"], "disable": False},
            "networks": {"default": None},
            "ports": [
                {"target": 80, "published": "8080", "protocol": "tcp", "host_ip": "127.0.0.1"}
            ],
            "volumes": [{"type": "bind", "source": "/srv/shop/src", "target": "/src"}],
            "configs": [{"source": "settings", "target": "/etc/settings"}],
            "restart": "always",
        },
        "db": {
            "image": "db:15",
            "networks": {"default": {"aliases": ["store"]}},
            "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}}],
            "network_mode": "service:web",
        },
    },
    "networks": {
        "default": {"name": "shop_default", "ipam": {"config": [{"subnet": "10.0.0.0/24"}]}}
    },
    "volumes": {"data": {"name": "shop_data", "driver": "local", "external": False}},
    "configs": {"settings": {"name": "shop_settings", "content": "a=$$b"}},
}

RECORD: dict[str, Any] = {
    "service": "web",
    "core": "c",
    "bases": {"debian": {"digest": "sha256:1", "triggers": True}},
    "options": {"target": "x", "build-arg.A": "1"},
    "files": {"web/a": "1", "web/b": "2"},
    "steps": [{"name": "RUN a", "seconds": 1.0, "cached": False}],
    "RUN a": 2.0,
    "environment": {"A": "1"},
    "image": "shop-web",
}

FAILURE: dict[str, Any] = {
    "service": "web",
    "waiting": ["later"],
    "diagnosis": {
        "what": ["web ended with 1"],
        "said": "",
        "probes": [],
        "exit_code": 1,
        "check": "",
        "container": "shop-web-1",
        "log": ["starting", "ValueError: no"],
        "telling": "ValueError: no",
        "standing": {"db": "up"},
    },
}

MANIFEST: dict[str, Any] = {
    "schema": "composetasks.snapshot/1",
    "name": "one",
    "created": "2026-01-31T12:00:00.000Z",
    "project": "shop",
    "parts": [
        {
            "name": "data",
            "kind": "volume",
            "source": "data",
            "file": "00-data.tar.zst",
            "bytes": 7,
            "files": 1,
            "compressed": 10,
            "sha256": "0" * 64,
        }
    ],
    "images": {"db": {"id": "sha256:db", "tags": ["db:15"]}},
}

LABELS = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "com.docker.compose.container-number": "1",
    "com.docker.compose.oneoff": "False",
    "com.docker.compose.config-hash": "abc",
    "com.docker.compose.image": "sha256:web",
    "com.docker.compose.project.working_dir": "/srv/shop",
    "com.docker.compose.project.config_files": "/srv/shop/compose.yaml",
}

ENGINE: dict[str, Any] = {
    "containers": [
        {
            "Id": "c1",
            "Names": ["/shop-web-1"],
            "Image": "shop-web",
            "ImageID": "sha256:web",
            "State": "running",
            "Status": "Up 3 minutes (healthy)",
            "Created": 1,
            "Labels": LABELS,
            "Mounts": [{"Type": "volume", "Name": "shop_data", "Destination": "/data"}],
            "NetworkSettings": {"Networks": {"shop_default": {"NetworkID": "n1"}}},
            "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}],
        },
        {"Id": "c2", "Names": ["/shop-db-1"], "State": "exited", "Status": "Exited (0) 1 hour ago"},
    ],
    "images": [
        {
            "Id": "sha256:web",
            "RepoTags": ["shop-web:latest", "shop-web:ct-1"],
            "RepoDigests": ["shop-web@sha256:1"],
            "Created": 1,
            "Size": 1,
            "Labels": {"a": "b"},
        }
    ],
    "networks": [
        {
            "Id": "n1",
            "Name": "shop_default",
            "Created": "2026-01-31T12:00:00Z",
            "Driver": "bridge",
            "Labels": {
                "com.docker.compose.project": "shop",
                "com.docker.compose.network": "default",
            },
            "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]},
        }
    ],
    "volumes": {
        "Volumes": [
            {"Name": "shop_data", "Labels": {"a": "b"}, "CreatedAt": "2026", "Driver": "local"}
        ]
    },
}

INSPECTED: dict[str, Any] = {
    "Created": "2026-01-31T12:00:00.123456789Z",
    "RestartCount": 0,
    "State": {
        "Status": "running",
        "Running": True,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Error": "",
        "ExitCode": 0,
        "StartedAt": "2026-01-31T12:00:00.123456789Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {
            "Status": "healthy",
            "Log": [{"Start": "2026-01-31T13:00:01.5+01:00", "ExitCode": 0, "Output": "ok"}],
        },
    },
    "Config": {"ExposedPorts": {"udp": {}}, "Healthcheck": {"Test": ["CMD", "true"]}},
    "HostConfig": {"PortBindings": {}, "RestartPolicy": {"Name": "no"}, "NetworkMode": "host"},
    "NetworkSettings": {"Networks": {"shop_default": {"IPAddress": ""}}},
}

PROGRESS: list[Any] = [
    {
        "vertexes": [
            {
                "digest": "sha256:1",
                "name": "[1/2] FROM docker.io/library/debian@sha256:" + "0" * 64,
                "started": "2026-01-31T12:00:00.123456789Z",
                "completed": "2026-01-31T12:00:01.123456789Z",
                "cached": False,
            },
            {"digest": "sha256:2", "name": "[2/2] RUN a", "started": "2026-01-31T12:00:00.1Z"},
        ]
    },
    {"logs": [{"vertex": "sha256:2", "data": "b25lCnR3bw=="}]},
    {
        "vertexes": [
            {"digest": "sha256:2", "error": "exit code: 1", "started": "2026-01-31T12:00:01Z"}
        ]
    },
]

BAKE: dict[str, Any] = {
    "group": {"default": {"targets": ["web"]}},
    "target": {
        "web": {
            "context": "/srv/shop/web",
            "dockerfile": "Dockerfile",
            "labels": {"com.docker.compose.service": "web"},
            "tags": ["shop-web"],
        }
    },
}
