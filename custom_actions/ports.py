"""The ports that attackers look for, each with its service: one list for every policy and default.

There are two classes. `ADMIN` ports never serve the public, so opening one to the world is reverted by default. `WEB`
ports (web and mail) serve the public in some teams, so opening one is a finding with an alert, and is reverted only if
the team chooses that. Together they contain every port of Security Hub's control EC2.19.

Sources: Security Hub's user guide, "[EC2.19] Security groups should not allow unrestricted access to ports with high
risk"; IANA's Service Name and Transport Protocol Port Number Registry; the products' own documentation.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A service that listens on some ports.

    Attributes:
        protocol: `tcp` or `udp`.
        first: the first port.
        last: the last port; equal to `first` if there is only one.
        name: what listens there.
    """

    protocol: str
    first: int
    last: int
    name: str

    @property
    def ports(self) -> str:
        """`22` or `5985-5986`."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def _services(protocol: str, *listed: tuple[int, int, str]) -> tuple[Service, ...]:
    return tuple(Service(protocol, *each) for each in listed)


ADMIN = (
    *_services(
        "tcp",
        (20, 21, "FTP"), (22, 22, "SSH"), (23, 23, "Telnet"), (111, 111, "RPC portmapper"), (135, 135, "Windows RPC"),
        (137, 139, "NetBIOS"), (389, 389, "LDAP"), (445, 445, "SMB"), (512, 514, "rexec, rlogin, rsh"),
        (1433, 1434, "SQL Server"), (1521, 1521, "Oracle"), (2049, 2049, "NFS"), (2181, 2181, "ZooKeeper"),
        (2375, 2376, "Docker"), (2379, 2380, "etcd"), (2483, 2484, "Oracle"), (3306, 3306, "MySQL"),
        (3389, 3389, "RDP"), (4333, 4333, "mSQL"), (5432, 5432, "PostgreSQL"), (5500, 5500, "VNC, listening viewer"),
        (5601, 5601, "Kibana"), (5672, 5672, "RabbitMQ"), (5900, 5901, "VNC"), (5984, 5986, "CouchDB, WinRM"),
        (6379, 6379, "Redis"), (6443, 6443, "Kubernetes API server"), (9042, 9042, "Cassandra"), (9092, 9092, "Kafka"),
        (9200, 9200, "Elasticsearch"), (9300, 9300, "Elasticsearch, between nodes"), (10250, 10250, "kubelet"),
        (10255, 10255, "kubelet, read-only"), (11211, 11211, "memcached"), (15672, 15672, "RabbitMQ management"),
        (27017, 27019, "MongoDB"),
    ),
    *_services(
        "udp",
        (69, 69, "TFTP"), (111, 111, "RPC portmapper"), (137, 138, "NetBIOS"), (161, 161, "SNMP"),
        (389, 389, "LDAP"), (1434, 1434, "SQL Server browser"), (2049, 2049, "NFS"), (3389, 3389, "RDP"),
        (11211, 11211, "memcached"),
    ),
)
"""Remote administration, file shares, databases, clusters: not for the public."""

WEB = _services(
    "tcp",
    (25, 25, "SMTP"), (110, 110, "POP3"), (143, 143, "IMAP"), (3000, 3000, "Grafana, Node.js"),
    (5000, 5000, "Flask, registries"), (8000, 8000, "HTTP of development servers"), (8080, 8080, "HTTP, Jenkins"),
    (8088, 8088, "HTTP, YARN"), (8888, 8888, "HTTP, Jupyter"), (9000, 9000, "Portainer, SonarQube"),
    (9090, 9090, "Prometheus, Cockpit"),
)
"""Web and mail: some teams serve the public on these ports, often by mistake."""


def ranges(services: Iterable[Service]) -> dict[str, list[tuple[int, int]]]:
    """The ports of each protocol as ranges, in order."""
    found: dict[str, list[tuple[int, int]]] = {}
    for service in sorted(services, key=lambda service: (service.protocol, service.first)):
        found.setdefault(service.protocol, []).append((service.first, service.last))
    return found
