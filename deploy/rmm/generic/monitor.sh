#!/bin/sh
# Exit code 0: the agent works. Anything else: the first line says what is wrong.
if ! command -v picket-agent >/dev/null; then
	echo "The Picket agent is not installed."
	exit 1001
fi
picket-agent status --rmm
code=$?
[ $code -ne 232 ] || code=0 # 1000, as the eight bits of a Unix exit code
exit $code
