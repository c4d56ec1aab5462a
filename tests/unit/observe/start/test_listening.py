"""What listens, by the kernel's tables."""

from __future__ import annotations

from composetasks.observe.start.listening import sockets

TABLES = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0B00007F:9C40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 020011AC:8A3C 010011AC:0050 01 00000000:00000000 00:00000000 00000000     0        0 4 1
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:0
"""


def test_listening_sockets_without_the_engines_own() -> None:
    assert sockets(TABLES) == {("0.0.0.0", 80), ("127.0.0.1", 8080), ("::", 443)}
