"""A process that publishes or reads until it is killed, for the laws about killed processes. It prints one line for each thing that is certain.

python -m tests.laws.log_process KIND WHERE publish TOPIC           prints n once record n is published, n = 0, 1, ...
python -m tests.laws.log_process KIND WHERE consume TOPIC GROUP     prints {"places": [...]} on change, {"n": [...]} for records read, commits nothing
python -m tests.laws.log_process KIND WHERE consume-sole TOPIC GROUP    the same as a member of a group of which one holds everything
"""

import json
import sys

from contracts.ports import Bus
from tests.laws.logs import KILLED_S, open_log, outgoing


def main(kind: str, where: str, role: str, topic: str, *rest: str) -> None:
    """Run until killed."""
    bus = open_log(kind, where, KILLED_S[kind])
    if role == "publish":
        publish(bus, topic)
    else:
        consume(bus, topic, rest[0], role == "consume-sole")


def publish(bus: Bus, topic: str) -> None:
    """Publish 0, 1, 2, ... under three keys and say each once it is certain."""
    n = 0
    while True:
        bus.publish(outgoing(topic, f"key-{n % 3}", n))
        print(n, flush=True)
        n += 1


def consume(bus: Bus, topic: str, group: str, sole: bool) -> None:
    """Read as a member of `group` and say what was read and which places are held."""
    reader = bus.reader(group, [topic], sole=sole)
    before: list[int] = []
    while True:
        records = reader.poll(0.1)
        places = sorted(place.partition for place in reader.places())
        if places != before:
            print(json.dumps({"places": places}), flush=True)
            before = places
        if records:
            print(json.dumps({"n": [json.loads(record.value) for record in records]}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
