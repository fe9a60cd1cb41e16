"""Sends what real programs send, with the vendor's SDK for Python, unchanged except for the address: a number that is
none, half of an emoji, and one event that is sent three times. Prints the number of events by status.

    python odd.py URL API_KEY
"""

import json
import sys
import threading

from amplitude import Amplitude, BaseEvent, Config


def main() -> None:
    url, key = sys.argv[1:]
    ends: dict[int, int] = {}
    lock = threading.Lock()
    answered = threading.Semaphore(0)

    def ended(_event, code, _message=None):
        with lock:
            ends[code] = ends.get(code, 0) + 1
        answered.release()

    config = Config(server_url=url, flush_interval_millis=50, flush_queue_size=10, callback=ended)
    client = Amplitude(key, config)
    user = {"user_id": "python", "device_id": "a-device"}
    client.track(BaseEvent("View", **user))
    client.track(BaseEvent("Purchase", event_properties={"amount": float("nan")}, **user))
    client.track(BaseEvent("Comment", event_properties={"text": "Great \ud83d"}, **user))
    client.track(BaseEvent("View", user_id="None", device_id="a-device"))
    for _ in range(4):
        answered.acquire()
    # As after time-outs: the same event in requests of its own, each with the time of its call.
    for nth in range(3):
        client.track(BaseEvent("Buy", event_properties={"nth": nth}, insert_id="order-17", **user))
        answered.acquire()
    client.shutdown()
    print(json.dumps(ends))


main()
