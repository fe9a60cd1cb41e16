"""Sends events with the vendor's SDK for Python, unchanged except for the address. Prints the number of events by status.

    python send.py URL API_KEY EVENTS QUEUE

EVENTS views of the user `python`, an identification, a purchase with user properties, one malformed event, and one event
without a user id; at most QUEUE events per request. The output is one line of JSON: `{"200": 7, "400": 1}`.
"""

import json
import sys
import threading

from amplitude import Amplitude, BaseEvent, Config, EventOptions, Identify


def main() -> None:
    url, key, events, queue = sys.argv[1:]
    expected = int(events) + 4
    ends: dict[int, int] = {}
    lock = threading.Lock()
    done = threading.Event()

    def ended(_event, code, _message=None):
        with lock:
            ends[code] = ends.get(code, 0) + 1
            if sum(ends.values()) == expected:
                done.set()

    # The test ends the retries, so this number is never reached.
    config = Config(server_url=url, flush_interval_millis=50, flush_queue_size=int(queue), flush_max_retries=1000,
                    callback=ended)
    client = Amplitude(key, config)
    user = {"user_id": "python", "device_id": "a-device"}
    for nth in range(int(events)):
        client.track(BaseEvent("View", event_properties={"nth": nth, "page": {"path": f"/p/{nth}"}}, **user))
    identify = Identify()
    identify.set("city", "Zürich").add("visits", 2).append("tags", "new").set_once("first", "python").unset("gone")
    client.identify(identify, EventOptions(**user))
    client.track(BaseEvent("Purchase", event_properties={"amount": 60.5, "items": ["a", "b"]},
                           user_properties={"plan": "pro"}, **user))
    client.track(BaseEvent("Malformed", time=5, **user))
    client.track(BaseEvent("View", device_id="a-device"))
    done.wait()
    client.shutdown()
    print(json.dumps(ends))


main()
