#!/bin/sh
# The quick start: an emulator of AWS, a stream and a role in it, Muster, and a consumer.
#
# MUSTER is the program (default: cargo run --release), PYTHON a Python 3, PORT the emulator's port.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
muster=${MUSTER:-cargo run --quiet --release --manifest-path $here/../../Cargo.toml --}
python=${PYTHON:-python3}
work=$(mktemp -d)
emulator=
trap 'test -z "$emulator" || kill "$emulator"; rm -r "$work"' EXIT
cp -r "$here/muster.yaml" "$here/cohorts" "$here/events" "$work"
cd "$work"

# The emulator and boto3, in a folder of their own if they are not installed.
if ! "$python" -c 'import boto3, flask, moto' 2>/dev/null; then
    "$python" -m venv python
    python=$work/python/bin/python
    "$python" -m pip install --quiet 'moto[server]' >&2
fi
port=${PORT:-5050}
"$python" -m moto.server -H 127.0.0.1 -p "$port" >emulator.log 2>&1 &
emulator=$!
until "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null; do
    sleep 0.2
done

# Credentials as any program of AWS finds them. The emulator takes all.
export AWS_ACCESS_KEY_ID=quick AWS_SECRET_ACCESS_KEY=start AWS_DEFAULT_REGION=us-east-1
export EMULATOR="http://127.0.0.1:$port"
# An id that only the role and Muster know.
GROWTH_EXTERNAL_ID=$("$python" -c 'import secrets; print(secrets.token_hex(16))')
export GROWTH_EXTERNAL_ID

show() {
    echo
    echo "\$ $*"
}

show "muster destination policy growth > policies.json"
$muster destination policy growth >policies.json

show "python setup.py policies.json"
AWS_ENDPOINT_URL=$EMULATOR "$python" "$here/setup.py" policies.json

show "muster destination check growth --send-test"
$muster destination check growth --send-test

show "muster run --once"
$muster run --once

show "python consume.py cohorts members.db --once"
AWS_ENDPOINT_URL=$EMULATOR "$python" "$here/../consumers/python/consume.py" cohorts members.db --once

show "muster run --once --now 2026-03-20T00:00:00Z"
$muster run --once --now 2026-03-20T00:00:00Z

show "python consume.py cohorts members.db --once"
AWS_ENDPOINT_URL=$EMULATOR "$python" "$here/../consumers/python/consume.py" cohorts members.db --once
